"""What the guard knows of one rollout: where it stands, under which plan, and until when it may expose."""

from typing import Annotated

from pydantic import Field, ValidationError

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.planned_wave import PlannedWave
from homeostat.schemas.base import Count, Digest, EpochMs, OpaqueId, Part, Partition, Slug, Unit
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.rollout import Mode, OnUnproven, Rollout, RolloutPhase
from homeostat.schemas.signal import ErrorBudget

STATE_VERSION = 1
PREFIX = b"rollout/"
WATCH_PART = 0.1
"""The part of α that the watch after a promotion spends."""


class Guardrail(Part):
    """One guardrail as it was declared when exposure began; `tolerance` is on the signal's scale [0, 1]."""

    signal: Slug
    tolerance: Unit
    budget: ErrorBudget | None = None
    harm_is_low: bool = False


class ExposureBudget(Part):
    """How long, and to how many sessions, a candidate may be given without being shown safe; and what follows then."""

    max_duration_s: Annotated[float, Field(gt=0)]
    max_sessions: Annotated[int, Field(ge=1)]
    action: OnUnproven = OnUnproven.ROLL_BACK


class Plan(Part):
    """What a rollout is judged by. It is fixed when exposure begins: later documents do not move a limit.

    `left_out` names the targets whose overrides refuse the candidate, each with a reason; no wave has them.
    """

    rollout: Rollout
    rollout_digest: Digest
    policy_digest: Digest
    guardrails: Annotated[tuple[Guardrail, ...], Field(min_length=1, max_length=64)]
    waves: Annotated[tuple[PlannedWave, ...], Field(min_length=1, max_length=1000)]
    left_out: tuple[str, ...] = ()
    exposure: ExposureBudget | None = None

    @property
    def budget(self) -> ExposureBudget:
        """What the candidate may use up; the rollout's own where the plan was made before policies had a say."""
        rollout = self.rollout
        own = ExposureBudget(max_duration_s=rollout.max_duration_s, max_sessions=rollout.max_sessions)
        return self.exposure or own

    @property
    def watch_alpha(self) -> float:
        """What of α the watch after a promotion spends; nothing where none is declared, or nobody was exposed."""
        watched = self.rollout.watch_s > 0 and self.rollout.mode is Mode.LIVE
        return WATCH_PART * self.rollout.alpha if watched else 0.0

    @property
    def alpha(self) -> float:
        """What of α is left for the exposure."""
        return self.rollout.alpha - self.watch_alpha

    @property
    def cohorts(self) -> list[CohortKey]:
        """(tenant, specialty, workflow) of every leaf cohort of some wave once, sorted."""
        return sorted({cohort for wave in self.waves for cohort in wave.cohorts})


class PeriodMark(Part):
    """What had been spent of a guardrail's error budget when a period was first seen, by cohort in the plan's order.

    Sessions, and what they spent together; nothing for the first.
    """

    signal: Slug
    period: Count
    sums: tuple[tuple[Count, float], ...] = ()


class EchoMark(Part):
    """The highest step of the rollout that a source partition has taken over."""

    source_partition: Partition
    step: Annotated[int, Field(ge=1)]


class RolloutState(Part):
    """One rollout; `step` is that of the last decision (0: none), `wave` the newest one that has begun, from 0.

    `taken_back` and `settled` are cohorts that are exposed no longer: taken back, or promoted before the others.
    `order_version` is that of the last order that was carried out; `lease_epoch` grows when exposure narrows or comes
    back, so that what holds the former lease ends with it; starts and missing work are counted from `counted_step` on,
    the budget of time from `budget_since_ms` on.
    A retry is a new rollout of the same candidate and control:
    the leaves keep evidence by (candidate, control, cohort) and go on with it under the new id.
    """

    rollout: OpaqueId
    phase: RolloutPhase = RolloutPhase.PENDING
    step: Count = 0
    plan: Plan | None = None
    echoes: tuple[EchoMark, ...] = ()
    wave: Count = 0
    wave_since_ms: EpochMs = 0
    taken_back: tuple[CohortKey, ...] = ()
    settled: tuple[CohortKey, ...] = ()
    order_version: Count = 0
    lease_epoch: Count = 0
    counted_step: Count = 0
    periods: tuple[PeriodMark, ...] = ()
    begun_ms: EpochMs = 0
    budget_since_ms: EpochMs = 0
    renewal: Count = 0
    expires_ms: EpochMs = 0
    verdict: Verdict | None = None
    health: Health = Health.NOT_EVALUATED
    reason: str = ""

    @property
    def lease(self) -> str:
        """The id of the lease that what is exposed now depends on."""
        return derive_id("lease", self.rollout, *([self.lease_epoch] if self.lease_epoch else []))

    @property
    def current(self) -> PlannedWave:
        """The wave that has begun last."""
        assert self.plan is not None
        return self.plan.waves[self.wave]

    @property
    def exposed(self) -> list[CohortKey]:
        """The cohorts that the waves so far have reached, but for those taken back and those promoted already."""
        assert self.plan is not None
        reached = {cohort for wave in self.plan.waves[: self.wave + 1] for cohort in wave.cohorts}
        return sorted(reached - set(self.taken_back) - set(self.settled))

    @property
    def on_last_wave(self) -> bool:
        """Whether no further wave would reach or change anything."""
        assert self.plan is not None
        return self.wave == len(self.plan.waves) - 1

    def with_echo(self, source_partition: int, step: int) -> "RolloutState":
        """The state after an echo; itself when the source has echoed that step before."""
        steps = {echo.source_partition: echo.step for echo in self.echoes}
        if steps.get(source_partition, 0) >= step:
            return self
        steps[source_partition] = step
        echoes = tuple(EchoMark(source_partition=source, step=steps[source]) for source in sorted(steps))
        return self.model_copy(update={"echoes": echoes})

    def echoed_by(self, source_partition_count: int) -> bool:
        """Whether every source partition has taken the rollout over."""
        return len(self.echoes) == source_partition_count

    def to_bytes(self) -> bytes:
        """Framed JSON: equal states give equal bytes."""
        return frame(self.model_dump_json().encode(), STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "RolloutState":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        try:
            return cls.model_validate_json(unframe(data, STATE_VERSION))
        except ValidationError as error:
            raise StateCorrupt(f"rollout state does not fit its model: {error.error_count()} errors") from None


def state_key(rollout: str) -> bytes:
    """The key of a rollout's state record."""
    return PREFIX + rollout.encode()
