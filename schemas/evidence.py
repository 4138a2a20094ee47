"""Evidence of a rollout from one leaf cohort in one source partition, cumulative since the rollout began."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, EpochMs, Fixed, Message, Offset, OpaqueId, Part, Partition, Slug

BETS = 6


class GuardrailEvidence(Part):
    """Paired differences d = candidate − mean of its control block, harmful direction up, scaled to [−1, 1].

    `sum_d` is fixed-point 2⁻²⁰; `harmful` and `non_inferior` are sums of log-e per sealed bet, 2⁻³² nats. Sums per
    arm (2⁻²⁰, over sessions) are for people: the verdict uses pairs only.
    """

    pairs: Count
    sum_d: Fixed
    harmful: Annotated[tuple[Fixed, ...], Field(min_length=1, max_length=16)]
    non_inferior: Annotated[tuple[Fixed, ...], Field(min_length=1, max_length=16)]
    candidate_sessions: Count = 0
    candidate_sum: Fixed = 0
    control_sessions: Count = 0
    control_sum: Fixed = 0


class Evidence(Message):
    """One leaf cohort's evidence; the highest mark of a source wins. `unusable` says why it must not be judged.

    `never` are the signals that must never occur and did, in the candidate's arm.
    """

    ce_type: ClassVar[str] = "homeostat.evidence"
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    tenant: Slug
    specialty: Slug
    workflow: Slug
    guardrails: dict[Slug, GuardrailEvidence]
    ratio_log_e: Annotated[tuple[Fixed, ...], Field(max_length=16)] = ()
    candidate_starts: Count = 0
    control_starts: Count = 0
    candidate_missing: Count = 0
    control_missing: Count = 0
    late_sessions: Count = 0
    last_candidate_ms: EpochMs = 0
    never: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    unusable: Annotated[str, Field(max_length=64)] | None = None


class SignalDifference(Part):
    """Differences d = candidate − control of one signal that is no guardrail, in harm's direction, scaled to [−1, 1].

    Each d is of two means: all of one arm's sessions against all of the other's since the last d, formed as soon as
    both have some. `sum_d` and `sum_d2` (of squares, rounded up) are fixed-point 2⁻²⁰, and so are the sums per arm.
    """

    pairs: Count
    sum_d: Fixed
    sum_d2: Fixed
    candidate_sessions: Count
    candidate_sum: Fixed
    control_sessions: Count
    control_sum: Fixed


class SignalEvidence(Message):
    """What one leaf cohort's sessions say of the signals that do not decide; the highest mark of a source wins.

    It informs people at the end of a bucket in which something came; no verdict reads it.
    """

    ce_type: ClassVar[str] = "homeostat.signal_evidence"
    rollout: OpaqueId
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    tenant: Slug
    specialty: Slug
    workflow: Slug
    signals: dict[Slug, SignalDifference]


class Echo(Message):
    """A source partition has taken over a rollout's step: from this mark on its evidence is of that step."""

    ce_type: ClassVar[str] = "homeostat.echo"
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    source_partition: Partition
    partition_count: Annotated[int, Field(ge=1)]
    mark: Offset
    log_time_ms: EpochMs
