"""Signals: the numbers a trace may carry, as declared in a policy's registry."""

import math
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Sentence, Slug, Unit
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal


class Family(StrEnum):
    """What a signal is about; triage classifies by it."""

    INPUT = "input"
    OUTPUT = "output"
    WORKFLOW = "workflow"
    OUTCOME = "outcome"
    SAFETY = "safety"
    OPERATIONS = "operations"


class Kind(StrEnum):
    """What values a signal takes; each kind has its own statistics."""

    BINARY = "binary"
    BOUNDED = "bounded"
    POSITIVE = "positive"
    COUNT = "count"
    CATEGORICAL = "categorical"
    EMBEDDING = "embedding"


class Direction(StrEnum):
    """The harmful direction; `both` for a signal that is only ever information."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


class Role(StrEnum):
    """What a signal may decide: `never` stops at one occurrence, guardrails decide rollouts, signals alarm."""

    NEVER = "never"
    GUARDRAIL = "guardrail"
    SIGNAL = "signal"
    DIAGNOSTIC = "diagnostic"


class Carrier(StrEnum):
    """Which record carries the value: the work, feedback on it, or (yield) the gateway's report of the session."""

    WORK = "work"
    FEEDBACK = "feedback"
    EXPOSURE = "exposure"


class Source(StrEnum):
    """Where in a trace the value stands; all but the first need no entry in `signals`, a work trace has them."""

    SIGNAL = "signal"
    MISSING_STEPS = "missing_steps"
    STEP_ORDER = "step_order"
    TOOL_FAILURES = "tool_failures"
    RETRIEVAL_HITS = "retrieval_hits"
    AGE_BAND = "age_band"
    SEX_BAND = "sex_band"


MAX_CATEGORIES = 16
LOG_DECADES = 99.0
"""The log scale of positive values and counts: ln(1 + 99·u)/ln(100) of the linear u, two decades below `high`."""
_LOGARITHMIC = frozenset({Kind.POSITIVE, Kind.COUNT})
_BANDS = frozenset({Source.AGE_BAND, Source.SEX_BAND})
_SHARES = frozenset({Source.MISSING_STEPS, Source.STEP_ORDER, Source.TOOL_FAILURES})


class ErrorBudget(Part):
    """How fast a guardrail may be used up: by `rate` a session on average, whatever the control does.

    `rate` is on the signal's scale with harm up: of a binary signal the share of harmful sessions. `alpha` is the
    chance that a candidate which keeps to the rate is ever said to spend faster.
    """

    rate: Annotated[float, Field(gt=0, lt=1)]
    period_s: Annotated[float, Field(gt=0)] = 86_400.0
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01


class SignalSpec(Part):
    """One declared signal.

    A value x is clipped to [low, high] and scaled to [0, 1]; `tolerance` is on that scale. A value outside
    [low, high] is refused, unless `clip` says that it counts as the nearer end. Feedback counts when it is at
    most `max_age_s` old (time of feedback − time of work). Positive values and counts are scaled by their logarithm
    (`LOG_DECADES`) and always clipped at `high`.

    A categorical signal is the trace's `categories[name]`, one of the declared `categories`; any other is 'unseen'.
    An embedding is the trace's `embedding` of `dimensions` numbers. `source` names values that the trace has in its
    steps (`steps` declares them in order), tool calls, retrieval and bands. `spread` watches the distance from the
    baseline's mean as well: less consistent work with the same mean. `limit` is an absolute safety limit on the scale
    of x: beyond it, in the harmful direction, is harm whatever the baseline was. `budget` is an error budget of a
    guardrail, which rollouts are held to. `absence` says that no feedback with
    the signal within `max_age_s` of the work means 0: the works are the denominator, judged when all are so old.

    The statistics work on columns (`expand_signals`): a signal of several columns names them `name--part`.
    """

    name: Slug
    family: Family
    kind: Kind
    direction: Direction
    role: Role
    tolerance: Unit
    carrier: Carrier = Carrier.WORK
    low: float = 0.0
    high: float = 1.0
    clip: bool = False
    max_age_s: Annotated[float, Field(gt=0)] | None = None
    source: Source = Source.SIGNAL
    categories: Annotated[tuple[Slug, ...], Field(max_length=MAX_CATEGORIES)] = ()
    steps: Annotated[tuple[Slug, ...], Field(max_length=32)] = ()
    dimensions: Annotated[int, Field(ge=1, le=1024)] | None = None
    limit: float | None = None
    budget: ErrorBudget | None = None
    spread: bool = False
    absence: bool = False
    owner: Slug = "platform"
    why: Sentence = ""

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"signal {self.name}: low {self.low} must be below high {self.high}")
        if self.kind is Kind.BINARY and (self.low, self.high, self.clip) != (0.0, 1.0, False):
            raise ValueError(f"signal {self.name}: a binary value is 0 or 1, with no other range and no clipping")
        if self.max_age_s is not None and self.carrier is not Carrier.FEEDBACK:
            raise ValueError(f"signal {self.name}: only feedback has an age")
        if self.role in {Role.GUARDRAIL, Role.NEVER} and self.direction is Direction.BOTH:
            raise ValueError(f"{self.role} {self.name} needs one harmful direction, up or down")
        return self

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        if self.budget is not None and self.role is not Role.GUARDRAIL:
            raise ValueError(f"signal {self.name}: an error budget is a guardrail's")
        return self

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        ordered = self.kind not in {Kind.CATEGORICAL, Kind.EMBEDDING}
        if not ordered and (self.role in {Role.GUARDRAIL, Role.NEVER} or self.spread or self.limit is not None):
            raise ValueError(
                f"signal {self.name}: a {self.kind} value has no harmful side: no guardrail, spread or limit"
            )
        if (self.kind is Kind.EMBEDDING) != (self.dimensions is not None):
            raise ValueError(f"signal {self.name}: an embedding, and nothing else, declares its dimensions")
        wants = self.kind is Kind.CATEGORICAL and self.source is Source.SIGNAL
        if wants != bool(self.categories):
            raise ValueError(f"signal {self.name}: a categorical signal, and nothing else, declares its categories")
        if len(set(self.categories)) != len(self.categories) or "unseen" in self.categories:
            raise ValueError(f"signal {self.name}: categories must differ, and 'unseen' is none")
        if self.role is Role.NEVER and self.kind is not Kind.BINARY:
            raise ValueError(f"signal {self.name}: what must never happen is binary")
        if self.limit is not None and not (self.low < self.limit < self.high and self.direction is not Direction.BOTH):
            raise ValueError(f"signal {self.name}: a limit lies between low and high and needs one harmful direction")
        return self

    @model_validator(mode="after")
    def _check_absence(self) -> Self:
        watched = self.role not in {Role.GUARDRAIL, Role.NEVER}
        binary = self.kind is Kind.BINARY and not self.spread
        if self.absence and not (binary and watched and self.max_age_s is not None):
            raise ValueError(
                f"signal {self.name}: absence means 0 only for a binary signal of feedback with a max_age_s, without "
                "spread, that neither a rollout nor a stop waits for"
            )
        return self

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.source in {Source.MISSING_STEPS, Source.STEP_ORDER}) != bool(self.steps):
            raise ValueError(f"signal {self.name}: missing steps and their order, and nothing else, declare steps")
        if self.source is not Source.SIGNAL and self.carrier is not Carrier.WORK:
            raise ValueError(f"signal {self.name}: only work has {self.source}")
        kinds = {Kind.CATEGORICAL} if self.source in _BANDS else {Kind.BOUNDED} if self.source in _SHARES else None
        if kinds is not None and self.kind not in kinds:
            raise ValueError(f"signal {self.name}: {self.source} is {' or '.join(kinds)}")
        return self

    @property
    def is_logarithmic(self) -> bool:
        """Whether the scale to [0, 1] is logarithmic."""
        return self.kind in _LOGARITHMIC

    def scale(self, value: float) -> float:
        """A value on [0, 1]. Raises `PoisonRecord`: NOT_FINITE, OUT_OF_RANGE.

        >>> SignalSpec(name="latency_s", family="operations", kind="bounded", direction="up", role="guardrail",
        ...            tolerance=0.05, high=60.0, clip=True).scale(90.0)
        1.0
        """
        if not math.isfinite(value):
            raise PoisonRecord(Refusal.NOT_FINITE, self.name)
        if self.kind is Kind.BINARY and value not in (0.0, 1.0):
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"{self.name} is neither 0 nor 1")
        over = value > self.high and not self.is_logarithmic
        if not self.clip and (over or value < self.low):
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"{self.name} is outside [{self.low:g}, {self.high:g}]")
        return self._scale(value)

    @property
    def scaled_limit(self) -> float | None:
        """The limit on [0, 1]: of a session's mean, so for a binary signal a share.

        >>> SignalSpec(name="red_flag_missed", family="safety", kind="binary", direction="up", role="guardrail",
        ...            tolerance=0.05, limit=0.2).scaled_limit
        0.2
        """
        return None if self.limit is None else self._scale(self.limit)

    def _scale(self, value: float) -> float:
        unit = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return math.log1p(LOG_DECADES * unit) / math.log1p(LOG_DECADES) if self.is_logarithmic else unit
