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


class Watched:
    """One trial under one stream: means set each slice, and when each reference was sealed."""

    def __init__(self, trial: Trial, stream: Stream, base: Floats, by_column: bool = False) -> None:
        self.trial, self.stream, self.base = trial, stream, base
        self.sealed_ms = np.full(base.shape, -1, np.int64)
        count, columns = base.shape
        slots = 0 if by_column else np.arange(count)[:, None]
        self.side: Ints = np.broadcast_to((slots + np.arange(columns)) % 2, base.shape).astype(np.int64)
        self.now_ms = 0

    def run(self, until_ms: int, mode: str, shift: Floats | float = 0.0) -> None:
        """Let time pass: at the edge of each monitor's null once it is sealed, or at the base plus a shift."""
        while self.now_ms < until_ms:
            means = self._edges() if mode == EDGE else self.base + shift
            arrivals = self.stream.draw(self.trial, self.now_ms, self.now_ms + HOUR_MS, means)
            if arrivals.time_ms.size:
                self.trial.feed(arrivals)
            self.now_ms += HOUR_MS
            self._note_seals()

    def seal_again(self, sessions: int) -> None:
        """Have every cohort's reference sealed anew, as an operator may."""
        cohorts = self.trial.world.cohorts
        for slot in range(self.base.shape[0]):
            cohorts.ask_seal(slot, self.trial.offset, sessions)

    def count_from_now(self) -> None:
        """Count neither alarms nor the share of the budget until now."""
        self.trial.alarms.clear()
        self.sealed_ms[self.sealed_ms >= 0] = self.now_ms

    def declared(self, until_ms: int, mode: str) -> float:
        """Σ w / A of the leaf monitors that count: all with bets, or at the edge those whose null the mean sits at."""
        cohorts = self.trial.world.cohorts.arrays
        count = self.base.shape[0]
        bets = cohorts.stakes[:count, :, :, 0] > 0.0
        if mode == EDGE:
            bets = np.take_along_axis(bets, self.side[:, :, None], axis=2)
        time_ms = np.where(self.sealed_ms >= 0, until_ms - self.sealed_ms, 0)
        budget = self.trial.policy.budget
        spent = weight_per_ms(budget, Layer.LEAF) * (time_ms[:, :, None] * bets).sum()
        return float(spent / budget.alarm_threshold)

    def leaf_alarms(self, mode: str) -> int:
        """Alarms of the monitors that `declared` counts."""
        found = [alarm for alarm in self.trial.alarms if alarm.layer == Layer.LEAF]
        if mode == EDGE:
            found = [alarm for alarm in found if alarm.side == self.side[alarm.slot, alarm.column]]
        return len(found)

    def _edges(self) -> Floats:
        cohorts = self.trial.world.cohorts.arrays
        count = self.base.shape[0]
        null = np.take_along_axis(cohorts.null[:count], self.side[:, :, None], axis=2)[:, :, 0]
        has = (cohorts.reference[:count, :, 0] > 0) & (null > 0.0) & (null < 1.0)
        return np.where(has, null, self.base)

    def _note_seals(self) -> None:
        cohorts = self.trial.world.cohorts.arrays
        new = (cohorts.reference[: self.base.shape[0], :, 0] > 0) & (self.sealed_ms < 0)
        self.sealed_ms[new] = self.now_ms


def measure_delays(watched: Watched, past_edge: Floats, past_base: Floats, days: int) -> tuple[Delay, Delay]:
    """Change every mean upwards, and count sessions of the cohort until its monitor alarms, among monitors with bets.

    Cohorts with even numbers go to the edge of the null plus `past_edge`, odd ones to the base plus `past_base`.
    """
    trial = watched.trial
    cohorts = trial.world.cohorts.arrays
    even = np.arange(watched.base.shape[0]) % 2 == 0
    edges = cohorts.null[: even.size, :, 0]
    means = np.where(even[:, None], edges + past_edge, watched.base + past_base)
    had, began = len(trial.alarms), cohorts.ring_count.sum(axis=1)
    counted: dict[tuple[int, int], int] = {}
    watched.run(watched.now_ms + days * DAY_MS, STILL, means - watched.base)
    for alarm in trial.alarms[had:]:
        if alarm.layer == Layer.LEAF and alarm.side == 0:
            counted.setdefault((alarm.slot, alarm.column), alarm.sessions - int(began[alarm.slot]))
    with_bets = (watched.sealed_ms >= 0) & (means < 1.0)
    return _delay_of(counted, with_bets & even[:, None]), _delay_of(counted, with_bets & ~even[:, None])


def _delay_of(counted: Mapping[tuple[int, int], int], among: NDArray[np.bool_]) -> Delay:
    found = [sessions for place, sessions in counted.items() if among[place]]
    lengths = np.full(max(int(among.sum()), 1), np.inf)
    lengths[: len(found)] = found
    return Delay(float(np.median(lengths)), len(found) / lengths.size, int(among.sum()))
