"""Decisions: what was judged, on which evidence, and what follows from it."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, OpaqueId, Part, Partition, Sentence, Slug
from homeostat.schemas.rollout import RolloutPhase


class Health(StrEnum):
    """What is known; only the last two are knowledge of quality."""

    NOT_EVALUATED = "not_evaluated"
    NO_DATA = "no_data"
    LOW_POWER = "low_power"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    HEALTHY = "healthy"
    HARMFUL = "harmful"


class Verdict(StrEnum):
    """Why a rollout was moved; all but HARMFUL, OVER_BUDGET, REGRESSED and HEALTHY are outside the error bounds."""

    BEGIN = "begin"
    ADVANCE = "advance"
    HEALTHY = "healthy"
    HARMFUL = "harmful"
    REGRESSED = "regressed"
    OVER_BUDGET = "over_budget"
    SAMPLE_RATIO = "sample_ratio"
    LOW_YIELD = "low_yield"
    NO_DATA = "no_data"
    UNPROVEN = "unproven"
    LAPSE = "lapse"
    NEVER = "never"
    OPERATOR = "operator"
    STOPPED = "stopped"

    @classmethod
    def _missing_(cls, value: object) -> "Verdict | None":
        """What records of version 1.0 call `timeout` is `unproven`."""
        return cls.UNPROVEN if value == "timeout" else None


class GuardrailVerdict(Part):
    """One guardrail in one cohort: log-e of both tests (nats) against the limits they must reach."""

    tenant: Slug
    specialty: Slug
    workflow: Slug
    signal: Slug
    health: Health
    pairs: Count
    mean_difference: Annotated[float, Field(ge=-1, le=1)] | None
    tolerance: float
    log_e_harmful: float
    limit_harmful: float
    log_e_non_inferior: float
    limit_non_inferior: float


class BudgetSpent(Part):
    """A guardrail's error budget: what the candidate's sessions have spent in the present period, of all cohorts.

    `burn_rate` is how many times faster than declared, `left_ratio` what is left of the period's budget at the present
    volume (below 0: overspent). `log_e` (nats) is the evidence of all periods that they spend faster than declared.
    """

    signal: Slug
    rate: Annotated[float, Field(gt=0, lt=1)]
    period_s: Annotated[float, Field(gt=0)]
    sessions: Count
    spent: Annotated[float, Field(ge=0)]
    burn_rate: Annotated[float, Field(ge=0)]
    left_ratio: Annotated[float, Field(le=1)]
    log_e: float
    limit: float


class LeafTags(Part):
    """A leaf cohort by its tags."""

    tenant: Slug
    specialty: Slug
    workflow: Slug


class SourceMark(Part):
    """The newest evidence used from one source partition."""

    source_partition: Partition
    mark: Offset


class Decision(Message):
    """One decision of the guard, with every number it rests on. Signed; durable before its intents.

    `wave` counts from 0. `exposed`, `taken_back` and `promoted` are the cohorts as they stand after this decision.
    `configuration` is the digest of the effective configurations of the rollout's targets (`OverrideBook.digest`).
    A `drill` is of a known-bad release in a probe tenant: it says nothing of anybody's work.
    """

    ce_type: ClassVar[str] = "homeostat.decision"
    decision: OpaqueId
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    verdict: Verdict
    health: Health
    phase: RolloutPhase
    share: Annotated[float, Field(ge=0, lt=1)]
    wave: Count = 0
    waves: Count = 1
    exposed: Annotated[tuple[LeafTags, ...], Field(max_length=10_000)] = ()
    taken_back: Annotated[tuple[LeafTags, ...], Field(max_length=10_000)] = ()
    promoted: Annotated[tuple[LeafTags, ...], Field(max_length=10_000)] = ()
    drill: bool = False
    approved_by: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    candidate: Digest
    control: Digest
    deciding: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    guardrails: Annotated[tuple[GuardrailVerdict, ...], Field(max_length=10_000)] = ()
    budgets: Annotated[tuple[BudgetSpent, ...], Field(max_length=64)] = ()
    sources: Annotated[tuple[SourceMark, ...], Field(max_length=4096)] = ()
    policy_digest: Digest
    rollout_digest: Digest
    configuration: Digest | None = None
    sessions: Count
    pairs: Count
    reason: Sentence
    source_partition: Partition
    mark: Offset
    log_time_ms: EpochMs
