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


class SignalSpec(Part):
    """One declared signal.

    A value x is clipped to [low, high] and scaled to [0, 1]; `tolerance` is on that scale. A value outside
    [low, high] is refused, unless `clip` says that it counts as the nearer end. Feedback counts when it is at
    most `max_age_s` old (time of feedback − time of work).
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
        if self.role is Role.GUARDRAIL and self.direction is Direction.BOTH:
            raise ValueError(f"guardrail {self.name} needs one harmful direction, up or down")
        return self

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
        if not self.clip and not self.low <= value <= self.high:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"{self.name} is outside [{self.low:g}, {self.high:g}]")
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
