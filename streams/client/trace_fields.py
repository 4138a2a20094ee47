"""What a runtime says of a piece of work, or of feedback on it; the Publisher fills in the rest."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from homeostat.schemas.trace import AgeBand, Arm, Consent, OutputProperty, SexBand, ToolCall


class WorkFields(TypedDict):
    """Fields of `WorkTrace` without tenant and runtime. Ids are opaque hex; times are ms since the epoch."""

    specialty: str
    workflow: str
    release: str
    arm: Arm
    session: str
    actor: str
    signals: NotRequired[Mapping[str, float]]
    categories: NotRequired[Mapping[str, str]]
    rollout: NotRequired[str | None]
    consent: NotRequired[Consent]
    trace_id: NotRequired[str | None]
    work_id: NotRequired[str]
    work_time_ms: NotRequired[int]
    age_band: NotRequired[AgeBand]
    sex_band: NotRequired[SexBand]
    steps: NotRequired[Sequence[str]]
    output_properties: NotRequired[Sequence[OutputProperty]]
    retrieval: NotRequired[Sequence[str]]
    tools: NotRequired[Sequence[ToolCall]]
    embedding: NotRequired[Sequence[float]]


class FeedbackFields(TypedDict):
    """Fields of `FeedbackTrace` beside what the work token says; `actor` is who gave the feedback."""

    signals: NotRequired[Mapping[str, float]]
    categories: NotRequired[Mapping[str, str]]
    actor: NotRequired[str]
    trace_id: NotRequired[str | None]
