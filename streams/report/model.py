"""What a report shows: plain data, made by `gather`, read by the page."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent, SignalChange
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import SignalSpec


class Mean(NamedTuple):
    """Sessions up to a time: their mean, and their baseline's mean and bounds (None without one)."""

    until_ms: int
    sessions: int
    mean: float
    baseline: float | None
    lower: float | None
    upper: float | None


class Trace(NamedTuple):
    """Evidence ÷ threshold up to a time."""

    until_ms: int
    ratio: float


@dataclass(frozen=True)
class Picture:
    """One signal in one cohort over the period. `from_ms` is when its samples begin; shapes are sessions by bin.

    `beside` are the sessions of the same leaf on the release in use, where the cohort is a release on trial; the shape
    before is then theirs.
    """

    change: SignalChange
    spec: SignalSpec
    from_ms: int
    means: list[Mean]
    evidence: list[Trace]
    before: list[int]
    after: list[int]
    onset_from_ms: int
    onset_to_ms: int
    noticed_ms: int | None
    beside: tuple[Mean, ...] = ()


@dataclass(frozen=True)
class EventView:
    """An event as last stated, with pictures of its gravest changes; `why_none` where there are none.

    `again` are further events that say the same of the same place and signal, at other times.
    """

    event: DriftEvent
    pictures: list[Picture]
    why_none: str = ""
    again: tuple[DriftEvent, ...] = ()


class Standing(StrEnum):
    """What is known of a cohort: silence is a standing of its own."""

    CHANGED = "changed"
    STEADY = "steady"
    LEARNING = "learning"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class CohortRow:
    """One cohort: its sessions, evidence ÷ threshold over time, and the change largest against its tolerance."""

    cohort: Cohort
    sessions: int
    standing: Standing
    strip: list[float]
    moved: str = ""
    before: float | None = None
    now: float | None = None
    tolerances: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class LayerTable:
    """The cohorts of one layer that are shown; `left_out` are not, and had no event."""

    layer: Layer
    rows: list[CohortRow]
    left_out: int


class Unjudged(NamedTuple):
    """A cohort about which nothing, or not everything, is known, and why."""

    cohort: Cohort
    sessions: int
    why: str


class Tally(NamedTuple):
    """Something counted, and what it means."""

    name: str
    number: int
    meaning: str


@dataclass(frozen=True)
class RolloutView:
    """A rollout and what the guard decided about it, in order."""

    rollout: str
    decisions: list[Decision]


@dataclass(frozen=True)
class BudgetView:
    """What was declared, and what was used of it."""

    policy: Policy
    weeks: float
    alarms: int
    events: int
    monitors: int

    @property
    def allowed(self) -> float:
        """False alarms that the monitors running may have caused in this time, on average and at most."""
        budget = self.policy.budget
        return budget.false_alarms_per_week * self.weeks * min(1.0, self.monitors / budget.expected_monitors)


@dataclass(frozen=True)
class Origin:
    """Where the figures come from, for whoever wants to make them again."""

    source: str
    command: str
    version: str
    python: str
    policy_name: str
    policy_digest: str
    records: int
    source_digest: str = ""
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything on the page. Times are log time, UTC; `from_ms` = `to_ms` = 0 for a log without records.

    `unseen` are signals of which no session of any cohort had a value.
    """

    from_ms: int
    to_ms: int
    tenants: int
    works: int
    sessions: int
    origin: Origin
    budget: BudgetView | None
    events: list[EventView] = field(default_factory=list)
    layers: list[LayerTable] = field(default_factory=list)
    rollouts: list[RolloutView] = field(default_factory=list)
    quality: list[Tally] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    unjudged_left_out: int = 0
    unseen: tuple[str, ...] = ()
    judged: int = 0
    cohorts: int = 0
    sample_s: float = 0.0
