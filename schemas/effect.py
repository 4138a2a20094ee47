"""What became of a release that was taken back: traces that still carry it, and whether the signals have returned."""

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
from homeostat.schemas.rollout import Target


class WatchedSignal(Part):
    """A guardrail over the sessions that began after the acknowledgement, against the baseline as it was then.

    `within` and `beyond` are log-e (nats) against 'worse than the baseline by the tolerance or more' and against 'worse
    by at most the tolerance'; the baseline's own bounds are taken at their worst for either. Both may be looked at
    whenever one likes. Without a baseline (`baseline` None) nothing can be shown.
    """

    signal: Slug
    sessions: Count = 0
    mean: Unit | None = None
    baseline: Unit | None = None
    tolerance: Unit
    within: float = 0.0
    beyond: float = 0.0


class Aftermath(Message):
    """What a source partition has seen in one cohort since a release was taken back there; the highest mark wins.

    Log times are the partition's. `acknowledged_ms` is when it heard the gateway's acknowledgement. `traces_before` and
    `traces_after` count work that carries the release, since `since_ms` and since the acknowledgement; `last_ms` is the
    last one's time, 0 for none. `sessions` is the cohort's work in its baseline arm since the acknowledgement. With
    `promoted` the release was promoted there instead, and nothing is counted but what the signals do.
    """

    ce_type: ClassVar[str] = "homeostat.aftermath"
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
    tenant: Slug
    specialty: Slug
    workflow: Slug
    release: Digest
    since_ms: EpochMs
    acknowledged_ms: EpochMs | None = None
    traces_before: Count = 0
    traces_after: Count = 0
    last_ms: EpochMs = 0
    last_trace: OpaqueId | None = None
    sessions: Count = 0
    promoted: bool = False
    signals: Annotated[tuple[WatchedSignal, ...], Field(max_length=64)] = ()


class Outcome(StrEnum):
    """What is shown of a rollback at a target."""

    STILL_SERVED = "still_served"
    NOT_RETURNED = "not_returned"
    WATCHING = "watching"
    NOT_SHOWN = "not_shown"
    RETURNED = "returned"


class SignalReturn(Part):
    """A guardrail in one specialty of a target; `outcome` is returned, not returned, or not shown."""

    specialty: Slug
    watched: WatchedSignal
    outcome: Outcome
    needed: bool


class TargetEffect(Part):
    """One target: what its gateway said and what its traces show.

    `needed` signals are those that the decision rests on; without any, all.
    """

    target: Target
    outcome: Outcome
    acknowledged_ms: EpochMs | None = None
    traces_before: Count = 0
    traces_after: Count = 0
    last_ms: EpochMs = 0
    last_trace: OpaqueId | None = None
    signals: Annotated[tuple[SignalReturn, ...], Field(max_length=4096)] = ()
    reason: Sentence


class Effect(Message):
    """What a rollback has come to, signed by the guard; a later `revision` replaces an earlier one.

    `outcome` is the gravest of the targets'. After a `final` one nothing more is said of the rollout.
    """

    ce_type: ClassVar[str] = "homeostat.effect"
    rollout: OpaqueId
    revision: Annotated[int, Field(ge=1)]
    step: Annotated[int, Field(ge=1)]
    release: Digest
    outcome: Outcome
    final: bool
    targets: Annotated[tuple[TargetEffect, ...], Field(max_length=1000)]
    reason: Sentence
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
