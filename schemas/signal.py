"""Signals: the numbers a trace may carry, as declared in a policy's registry."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Part, Sentence, Slug, Unit


class Family(StrEnum):
    INPUT = "input"
    OUTPUT = "output"
    WORKFLOW = "workflow"
    OUTCOME = "outcome"
    SAFETY = "safety"
    OPERATIONS = "operations"


class Kind(StrEnum):
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
        if self.role is Role.GUARDRAIL and self.direction is Direction.BOTH:
            raise ValueError(f"guardrail {self.name} needs one harmful direction, up or down")
        return self
