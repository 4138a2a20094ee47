"""Drift events: alarms of one cause, classified, with the next step and its owner."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

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
from homeostat.schemas.release import ArtifactKind
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
    CHECK_CONFIGURATION = "check_configuration"
    REVIEW_SAMPLE = "review_sample"
    ENFORCE_POLICY = "enforce_policy"
    REVIEW_WORKFLOW = "review_workflow"
    ASK_USERS = "ask_users"
    ACCEPT_BASELINE = "accept_baseline"
    WATCH = "watch"
    OPEN_INCIDENT = "open_incident"


class Disposition(StrEnum):
    """Who moves first: a fix drafted for approval, a queue for people, an incident, or nobody."""

    DRAFT_FIX = "draft_fix"
    REVIEW_QUEUE = "review_queue"
    INCIDENT = "incident"
    NONE = "none"


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


class ArtifactChange(Part):
    """An artifact that differs between two manifests; an absent side is None."""

    kind: ArtifactKind
    name: Slug
    before: Annotated[str, Field(max_length=32)] | None = None
    after: Annotated[str, Field(max_length=32)] | None = None


class DraftFix(Part):
    """A fix that people may approve: the release to go back to, and the artifacts that this reverts."""

    action: Literal["revert_release", "restore_served_configuration"]
    release: Digest | None = None
    reverts: Annotated[tuple[ArtifactChange, ...], Field(max_length=64)] = ()


class ReviewSample(Part):
    """Ids of works for people to read, a bottom-k of a keyed hash; `weight` is how many works each stands for."""

    affected: Annotated[tuple[OpaqueId, ...], Field(max_length=32)] = ()
    unaffected: Annotated[tuple[OpaqueId, ...], Field(max_length=32)] = ()
    affected_weight: Annotated[float, Field(ge=0)] = 0.0
    unaffected_weight: Annotated[float, Field(ge=0)] = 0.0


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
    also: Annotated[tuple[DriftClass, ...], Field(max_length=8)] = ()
    confidence: Unit = 0.0
    disposition: Disposition = Disposition.REVIEW_QUEUE
    artifacts: Annotated[tuple[ArtifactChange, ...], Field(max_length=64)] = ()
    draft: DraftFix | None = None
    sample: ReviewSample = ReviewSample()
    closed_because: Sentence = ""
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
