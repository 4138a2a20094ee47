"""Rollouts: which release is tried on whom, against what, with which chances of error."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Digest, EpochMs, Message, OpaqueId, Part, Slug
from homeostat.schemas.release import RiskClass
from homeostat.schemas.trace import OutputProperty


class Target(Part):
    """One tenant × workflow at one gateway."""

    gateway: Slug
    tenant: Slug
    workflow: Slug

    @property
    def key(self) -> str:
        return f"{self.gateway}/{self.tenant}/{self.workflow}"


class RolloutTarget(Part):
    """A target and the specialties in it that the rollout may expose; `risk` is the author's estimate of the place."""

    target: Target
    risk: RiskClass = RiskClass.MEDIUM
    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]


class Strategy(StrEnum):
    """How a release spreads; each compiles to waves of one machine (`detectors/guard/strategies`)."""

    GLOBAL = "global"
    TENANT_BY_TENANT = "tenant_by_tenant"
    COHORT_CANARY = "cohort_canary"
    FEATURE_FLAG = "feature_flag"
    MANUAL_APPROVAL = "manual_approval"
    SHADOW = "shadow"


class Mode(StrEnum):
    """Who gets a candidate's output: the session's people, or nobody (it runs beside what they get)."""

    LIVE = "live"
    SHADOW = "shadow"


SHADOW_SHARE = 0.5
"""Every shadowed session counts once in each arm."""


class OnHarm(StrEnum):
    """What a harmful verdict takes back: the whole rollout, or the harmed cohorts while the others go on."""

    ROLLOUT = "rollout"
    COHORT = "cohort"


class OnUnproven(StrEnum):
    """What becomes of a candidate that is not shown safe within its budget of time and exposure.

    Frozen it is held: nobody gets it until a person resumes, which gives it its budget once more.
    """

    FREEZE = "freeze"
    ROLL_BACK = "roll_back"


class Flag(Part):
    """Which sessions a feature flag may choose; empty: any. `except_properties` are never given the candidate.

    Properties are what the work is about, as the caller of the gateway declares before it begins.
    """

    only_properties: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()
    except_properties: Annotated[tuple[OutputProperty, ...], Field(max_length=16)] = ()


class Wave(Part):
    """One widening. Empty lists mean all that the rollout names; `min_pairs` and `bake_s` hold before the next.

    `approvals` people must have signed the plan before it begins.
    """

    share: Annotated[float, Field(gt=0, lt=1)] | None = None
    tenants: Annotated[tuple[Slug, ...], Field(max_length=1000)] = ()
    specialties: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    workflows: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    min_pairs: Annotated[int, Field(ge=1)] | None = None
    bake_s: Annotated[float, Field(ge=0)] = 0.0
    approvals: Annotated[int, Field(ge=0, le=8)] = 0


class Window(Part):
    """Hours of the week (UTC, Monday is 0) in which a rollout may begin or widen."""

    days: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(max_length=7)] = (0, 1, 2, 3, 4)
    from_hour: Annotated[int, Field(ge=0, le=23)] = 0
    to_hour: Annotated[int, Field(ge=1, le=24)] = 24

    def contains(self, at_ms: int) -> bool:
        """Whether a time lies in it.

        >>> Window(days=(3,), from_hour=1, to_hour=2).contains(3_600_000)  # 1970 began on a Thursday
        True
        """
        hours = at_ms // 3_600_000
        return (hours // 24 + 3) % 7 in self.days and self.from_hour <= hours % 24 < self.to_hour


class Rollout(Message):
    """A release on trial: on whom, by which strategy, with which chances of error and which budgets.

    `alpha` bounds P(ever judged Harmful | no guardrail worse than its tolerance anywhere); `beta` bounds
    P(promoted | some guardrail worse than its tolerance). `guardrails` names the signals of the policy that
    decide; empty means every guardrail of the policy. `waves` empty means those of the strategy. `max_duration_s` and
    `max_sessions` are its budget to be shown safe; `on_unproven` None: as the policy says. `watch_s` is how long
    after a promotion a guardrail beyond its tolerance of the baseline that was sealed before takes it back; it spends a
    part of `alpha` (`detectors/guard/promotion`). A retry names in `retry_of` the rollout
    whose evidence it goes on with. A `drill` is of a known-bad release in a probe tenant: it is never promoted.
    """

    ce_type: ClassVar[str] = "homeostat.document.rollout"
    rollout: OpaqueId
    retry_of: OpaqueId | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    author: Slug = "operator"
    strategy: Strategy = Strategy.COHORT_CANARY
    candidate: Digest
    control: Digest
    targets: Annotated[tuple[RolloutTarget, ...], Field(min_length=1, max_length=1000)]
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    waves: Annotated[tuple[Wave, ...], Field(max_length=64)] = ()
    flag: Flag | None = None
    on_harm: OnHarm = OnHarm.ROLLOUT
    approvals: Annotated[int, Field(ge=0, le=8)] = 0
    windows: Annotated[tuple[Window, ...], Field(max_length=16)] = ()
    not_before_ms: EpochMs = 0
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.05
    guardrails: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    min_pairs: Annotated[int, Field(ge=1)] = 20
    max_duration_s: Annotated[float, Field(gt=0)] = 7 * 86_400.0
    max_sessions: Annotated[int, Field(ge=1)] = 1_000_000
    on_unproven: OnUnproven | None = None
    min_yield_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    watch_s: Annotated[float, Field(ge=0)] = 86_400.0
    drill: bool = False

    @model_validator(mode="after")
    def _check_targets(self) -> Self:
        keys = [entry.target.key for entry in self.targets]
        if len(set(keys)) != len(keys):
            raise ValueError("a target is listed twice")
        if self.candidate == self.control:
            raise ValueError("candidate and control are the same release")
        if (self.flag is not None) != (self.strategy is Strategy.FEATURE_FLAG):
            raise ValueError("`flag` belongs to the strategy feature_flag, which needs it")
        return self

    @property
    def mode(self) -> Mode:
        """Whether anybody gets the candidate's output."""
        return Mode.SHADOW if self.strategy is Strategy.SHADOW else Mode.LIVE

    @property
    def first_share(self) -> float:
        """The share of the first wave."""
        if self.mode is Mode.SHADOW:
            return SHADOW_SHARE
        return (self.waves[0].share if self.waves else None) or self.share

    def cohorts(self) -> list[tuple[str, str, str]]:
        """(tenant, specialty, workflow) of every leaf cohort, sorted."""
        return sorted((t.target.tenant, s, t.target.workflow) for t in self.targets for s in t.specialties)


class RolloutPhase(StrEnum):
    """Where a rollout stands; only `exposing` has a renewable lease."""

    PENDING = "pending"
    EXPOSING = "exposing"
    PAUSED = "paused"
    HELD = "held"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    LAPSED = "lapsed"
    ABORTED = "aborted"


ENDED = frozenset({RolloutPhase.PROMOTED, RolloutPhase.ROLLED_BACK, RolloutPhase.LAPSED, RolloutPhase.ABORTED})
