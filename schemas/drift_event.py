"""Drift events: alarms of one cause, classified, with the next step and its owner."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import (
    Count,
    Digest,
    EpochMs,
    Message,
    Offset,
    OpaqueId,
    Part,
    Partition,
    Sentence,
    Slug,
    Unit,
)
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Direction, Family, Role


class DriftClass(StrEnum):
    """What kind of change it is; harm is judged apart from it."""

    DATA_DRIFT = "data_drift"
    RELEASE_REGRESSION = "release_regression"
    PROMPT_DRIFT = "prompt_drift"
    CONCEPT_DRIFT = "concept_drift"
    POLICY_DRIFT = "policy_drift"
    WORKFLOW_DRIFT = "workflow_drift"
    PRODUCT_MISMATCH = "product_mismatch"
    UNEXPLAINED = "unexplained"


class Harm(StrEnum):
    """Whether the change hurts; only guardrails beyond tolerance in the harmful direction make it dangerous."""

    DANGEROUS = "dangerous"
    BENIGN = "benign"
    BENEFICIAL = "beneficial"
    UNDETERMINED = "undetermined"


class NextStep(StrEnum):
    """What the owner should do next."""

    ROLL_BACK = "roll_back"
    HOLD_ROLLOUT = "hold_rollout"
    CHECK_INPUTS = "check_inputs"
    REVIEW_SAMPLE = "review_sample"
    WATCH = "watch"
    OPEN_INCIDENT = "open_incident"


class EventStatus(StrEnum):
    """Where an event stands."""

    OPEN = "open"
    UPDATED = "updated"
    CLOSED = "closed"


class SignalChange(Part):
    """One signal's change in one cohort, on the scaled range [0, 1]; size = observed − baseline with its interval."""

    cohort: Cohort
    signal: Slug
    family: Family
    role: Role
    direction: Direction
    harmful: bool
    observed: Unit
    observed_sessions: Count
    baseline: Unit
    size: Annotated[float, Field(ge=-1, le=1)]
    size_low: Annotated[float, Field(ge=-1, le=1)]
    size_high: Annotated[float, Field(ge=-1, le=1)]
    tolerance: Unit
    evidence: Annotated[float, Field(ge=0)]
    threshold: Annotated[float, Field(gt=0)]
    alarm: OpaqueId


class ClassEvidence(Part):
    """What speaks for or against a class, as a sentence with its numbers."""

    drift_class: DriftClass
    supports: bool
    reason: Sentence


class DriftEvent(Message):
    """One cause, as triage sees it now; a later `revision` replaces an earlier one."""

    ce_type: ClassVar[str] = "homeostat.drift.event"
    event: OpaqueId
    revision: Annotated[int, Field(ge=1)]
    status: EventStatus
    drift_class: DriftClass
    harm: Harm
    scope: Cohort
    changes: Annotated[tuple[SignalChange, ...], Field(max_length=256)]
    alarms: Count
    onset_from_ms: EpochMs
    onset_to_ms: EpochMs
    rollout: OpaqueId | None = None
    releases: Annotated[tuple[Digest, ...], Field(max_length=8)] = ()
    evidence: Annotated[tuple[ClassEvidence, ...], Field(max_length=64)]
    next_step: NextStep
    owner: Slug
    sentence: Sentence
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
