"""What is measured of a null stream: alarms used ÷ declared with its interval, and the delay of the same settings."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bench.null.laws import Floats
from bench.null.streams import DAY_MS, HOUR_MS, Stream
from bench.null.trial import Ints, Trial
from homeostat.detectors.budget import weight_per_ms
from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.schemas.cohort import Layer

CONFIDENCE = 0.95
EDGE, STILL = "edge", "no change"


class Used(NamedTuple):
    """Alarms among monitors whose declared share of the budget comes to `declared` alarms (Σ w / A)."""

    alarms: int
    declared: float

    @property
    def ratio(self) -> float:
        return self.alarms / self.declared if self.declared else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Exact interval of the ratio for a Poisson count (Garwood 1936)."""
        low, high = poisson_interval(self.alarms)
        return (low / self.declared, high / self.declared) if self.declared else (0.0, float("inf"))

    def plus(self, other: "Used") -> "Used":
        return Used(self.alarms + other.alarms, self.declared + other.declared)


class Delay(NamedTuple):
    """Sessions from a change to the alarm, over monitors; `found` of them within the time given."""

    median: float
    found_ratio: float
    monitors: int


def poisson_interval(count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval of a Poisson mean.

    >>> [round(end, 3) for end in poisson_interval(0)], [round(end, 3) for end in poisson_interval(10)]
    ([0.0, 3.689], [4.795, 18.39])
    """
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if count == 0 else float(chi2.ppf(tail, 2 * count)) / 2.0
    return low, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0


class Change(NamedTuple):
    """A change upwards by column: cohorts with even numbers to the edge plus a size, odd ones to the base plus one."""

    past_edge: Floats
    past_base: Floats


class Watched:
    """One trial under one stream: means set each hour, and when each monitor began.

    `about` are the columns that others are the spread of: at the edge these stay at the centre of distances, so that
    the distances' mean is the spread's null, and their own monitors do not count.
    """

    def __init__(self, trial: Trial, stream: Stream, base: Floats, by_column: bool = False) -> None:
        self.trial, self.stream, self.base = trial, stream, base
        self.since_ms = np.full(base.shape, -1, np.int64)
        count, columns = base.shape
        numbers = 0 if by_column else np.arange(count)[:, None]
        self.side: Ints = np.broadcast_to((numbers + np.arange(columns)) % 2, base.shape).astype(np.int64)
        self.even = np.arange(count) % 2 == 0
        self.about = {s: law.about for s, law in enumerate(stream.laws) if law.about >= 0}
        self.at_edge = np.array([s not in self.about.values() for s in range(columns)])
        self.now_ms = 0

    def run(self, until_ms: int, mode: str | Change) -> None:
        """Let time pass: at the edge of each monitor's null once it is sealed, at the base, or changed."""
        while self.now_ms < until_ms:
            arrivals = self.stream.draw(self.trial, self.now_ms, self.now_ms + HOUR_MS, self._means(mode))
            if arrivals.time_ms.size:
                self.trial.feed(arrivals)
            self.now_ms += HOUR_MS
            self.since_ms[self._watched().any(axis=(1, 3)) & (self.since_ms < 0)] = self.now_ms

    def declared(self, until_ms: int, mode: str) -> float:
        """Σ w / A of the leaf monitors that count: all with bets, or at the edge those whose null the mean sits at."""
        bets = self._watched().any(axis=1)
        if mode == EDGE:
            bets = np.take_along_axis(bets, self.side[:, :, None], axis=2) & self.at_edge[:, None]
        time_ms = np.where(self.since_ms >= 0, until_ms - self.since_ms, 0)
        budget = self.trial.policy.budget
        spent = weight_per_ms(budget, Layer.LEAF) * (time_ms[:, :, None] * bets).sum()
        return float(spent / budget.alarm_threshold)

    def leaf_alarms(self, mode: str) -> int:
        """Alarms of the monitors that `declared` counts."""
        found = [alarm for alarm in self.trial.alarms if alarm.layer == Layer.LEAF]
        if mode == EDGE:
            found = [a for a in found if a.side == self.side[a.cohort, a.column] and self.at_edge[a.column]]
        return len(found)

    def _watched(self) -> NDArray[np.bool_]:
        """Whether there are bets: bool [cohort, part, column, side]."""
        return np.asarray(self.trial.world.cohorts.arrays.stakes[self.trial.slots, :, :, 0] > 0.0)

    def _means(self, mode: str | Change) -> Floats:
        """Means of the hour that begins now: a part with a reference of its own sits at its own edge all through it."""
        factor = self.stream.factor(self.now_ms)
        base = self.base * factor
        if mode == STILL:
            return base
        part = self.trial.world.plan.part_at(self.now_ms)
        slots = self.trial.slots
        null = self.trial.world.cohorts.arrays.null[slots[:, part]]
        scale = factor if slots.shape[1] == 1 else 1.0
        if isinstance(mode, Change):
            past_edge, past_base = null[:, :, 0] * scale + mode.past_edge, base + mode.past_base
            return np.where(self.even[:, None] & self._watched()[:, part, :, 0], past_edge, past_base)
        edge = np.take_along_axis(null, self.side[:, :, None], axis=2)[:, :, 0]
        has = np.take_along_axis(self._watched()[:, part], self.side[:, :, None], axis=2)[:, :, 0]
        means = np.where(has & self.at_edge, edge * scale, base)
        for spread, main in self.about.items():
            centre = self.trial.world.cohorts.arrays.centre[slots[:, part], spread] / VALUE_SCALE
            means[:, main] = np.where(has[:, spread], centre, base[:, main])
        return means


def measure_delays(watched: Watched, change: Change, days: int) -> tuple[Delay, Delay]:
    """Count sessions of the cohort from a change until its monitor alarms, among monitors with bets: even, odd ones."""
    trial = watched.trial
    had, began = len(trial.alarms), trial.sessions
    watched.run(watched.now_ms + days * DAY_MS, change)
    counted: dict[tuple[int, int], int] = {}
    for alarm in trial.alarms[had:]:
        if alarm.layer == Layer.LEAF and alarm.side == 0:
            counted.setdefault((alarm.cohort, alarm.column), alarm.sessions - int(began[alarm.cohort]))
    null = trial.world.cohorts.arrays.null[trial.slots[:, 0], :, 0]
    with_bets = (watched.since_ms >= 0) & (null + change.past_edge < 1.0)
    return (
        _delay_of(counted, with_bets & watched.even[:, None]),
        _delay_of(counted, with_bets & ~watched.even[:, None]),
    )


def _delay_of(counted: Mapping[tuple[int, int], int], among: NDArray[np.bool_]) -> Delay:
    found = [sessions for place, sessions in counted.items() if among[place]]
    lengths = np.full(max(int(among.sum()), 1), np.inf)
    lengths[: len(found)] = found
    return Delay(float(np.median(lengths)), len(found) / lengths.size, int(among.sum()))
