"""The monitors of a platform: what each is fed by, as far as a log or a declaration says."""

from dataclasses import dataclass, field
from typing import NamedTuple

from homeostat.detectors.power import Sources
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Direction, SignalSpec


class Watch(NamedTuple):
    """One monitor with bets, or as many as `alike`; `cohort` is a key, `steps_per_day` None for each session.

    `reference_sessions` of its baseline, all sources together.
    """

    layer: Layer
    cohort: str
    tenant: str | None
    column: SignalSpec
    direction: Direction
    sources: Sources
    steps_per_day: float | None
    reference_sessions: int
    alike: int = 1


class Waiting(NamedTuple):
    """A column of a leaf that has no reference yet: `sessions` of the `needed` so far, `per_day` of them."""

    cohort: str
    tenant: str
    column: SignalSpec
    sessions: int
    needed: int
    per_day: float
    monitors: int


@dataclass
class Inventory:
    """All monitors; `days` is how much time the log covers (None: declared), `bounds` how many were estimated."""

    policy: Policy
    days: float | None
    watches: list[Watch] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    bounds: int = 0
    tenants: int = 0
    assumptions: list[str] = field(default_factory=list)
