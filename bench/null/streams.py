"""Streams without a change: how arrivals of many cohorts are drawn, slice of time by slice of time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from bench.null.laws import Floats, Law, clustered
from bench.null.trial import Arrivals, Ints, Trial

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FLAT: Floats = np.ones(24)
NIGHTS: Floats = np.where((np.arange(24) >= 8) & (np.arange(24) < 20), 0.7, 1.6)
"""Rates of .7 × by day and 1.6 × by night (20 to 8)."""
OFFICE: Floats = np.where((np.arange(24) >= 8) & (np.arange(24) < 20), 1.8, 0.2)
"""Volume: nine tenths of it between 8 and 20."""


@dataclass(frozen=True)
class Visits:
    """Records come in clusters of `size`, with the mean of each drawn anew (beta, `concentration`).

    `as_sessions`: whether a cluster is declared as one session, or each record as its own.
    """

    size: int
    concentration: float
    as_sessions: bool


@dataclass(frozen=True)
class Delay:
    """Feedback comes late, log-normal; it does not count after `most_ms`. Means grow with (delay/median)^`slope`.

    The factor is scaled to a mean of 1 over all delays that count.
    """

    median_ms: float
    sigma: float
    most_ms: float
    slope: float


@dataclass(frozen=True)
class Cohorts:
    """The cohorts of a stream: sessions (or clusters) a day, beginning and end of each, float64 and int64 [cohort].

    `growth_a_week`: the factor by which each cohort's volume grows in a week.
    """

    a_day: Floats
    starts_ms: Ints
    ends_ms: Ints
    growth_a_week: Floats | float = 1.0

    @classmethod
    def alike(cls, count: int, a_day: float, spread_ms: int = 0) -> "Cohorts":
        """Cohorts of one volume that begin evenly within `spread_ms`."""
        starts = np.linspace(0, spread_ms, count).astype(np.int64)
        return cls(np.full(count, a_day), starts, np.full(count, np.iinfo(np.int64).max))

    def expected(self, from_ms: int, to_ms: int) -> Floats:
        """How many sessions each has in a slice of time, evenly over the day."""
        seen = np.minimum(self.ends_ms, to_ms) - np.maximum(self.starts_ms, from_ms)
        grown = np.power(self.growth_a_week, from_ms / (7 * DAY_MS))
        return np.asarray(self.a_day * grown * np.clip(seen, 0, None) / DAY_MS)


@dataclass
class Stream:
    """Draws arrivals; the epoch, time 0, was a Thursday."""

    cohorts: Cohorts
    laws: Sequence[Law]
    rng: np.random.Generator
    rhythm: Floats = field(default_factory=lambda: FLAT)
    volume: Floats = field(default_factory=lambda: FLAT)
    visits: Visits | None = None
    delay: Delay | None = None
    weekend_ratio: float = 1.0
    _waiting: tuple[Ints, Floats] | None = None

    def factor(self, time_ms: int) -> float:
        """By what the means of this hour differ from a day's average session."""
        return float(self.rhythm[time_ms // HOUR_MS % 24] / np.average(self.rhythm, weights=self.volume))

    def draw(self, trial: Trial, from_ms: int, to_ms: int, means: Floats) -> Arrivals:
        """Traces of a slice of an hour, of sessions with these means (float64 [cohort, column])."""
        volume = self.volume[from_ms // HOUR_MS % 24] / self.volume.mean()
        weekend = self.weekend_ratio if (from_ms // DAY_MS + 3) % 7 >= 5 else 1.0
        expected = self.cohorts.expected(from_ms, to_ms) * volume * weekend
        slot = np.repeat(np.arange(expected.size), self.rng.poisson(expected))
        time_ms = self.rng.integers(from_ms, to_ms, slot.size)
        order = np.argsort(time_ms, kind="stable")
        slot, time_ms = slot[order], time_ms[order]
        if self.delay is not None:
            return self._late(trial, slot, time_ms, means, to_ms)
        if self.visits is not None:
            return self._visits(trial, slot, time_ms, means)
        values = self._values(means, slot)
        return Arrivals(time_ms, slot, trial.fresh_sessions(slot.size), values, time_ms)

    def _values(self, means: Floats, slot: Ints) -> Floats:
        """Values of sessions: those that a spread is of lie their distance to either side, and it is not sent."""
        values = np.stack([law.draw(self.rng, means[slot, s]) for s, law in enumerate(self.laws)], axis=1)
        for s, law in enumerate(self.laws):
            if law.about >= 0:
                sides = np.where(self.rng.random(slot.size) < 0.5, -1.0, 1.0)
                values[:, law.about] = np.clip(means[slot, law.about] + sides * values[:, s], 0.0, 1.0)
                values[:, s] = np.nan
        return values

    def _visits(self, trial: Trial, slot: Ints, time_ms: Ints, means: Floats) -> Arrivals:
        assert self.visits is not None
        cluster = np.repeat(np.arange(slot.size), self.visits.size)
        slots, concentration = slot[cluster], self.visits.concentration
        values = np.stack(
            [clustered(law.draw, concentration)(self.rng, means[slots, s], cluster) for s, law in enumerate(self.laws)],
            axis=1,
        )
        ids = trial.fresh_sessions(slots.size)
        if self.visits.as_sessions:
            ids = np.repeat(ids[:: self.visits.size], self.visits.size)
        return Arrivals(time_ms[cluster], slots, ids, values, time_ms[cluster])

    def _late(self, trial: Trial, slot: Ints, time_ms: Ints, means: Floats, to_ms: int) -> Arrivals:
        """Draw the feedback on this slice's work, and give what arrives by `to_ms`."""
        delay = self.delay
        assert delay is not None
        late_ms = delay.median_ms * np.exp(delay.sigma * self.rng.standard_normal(slot.size))
        counts = late_ms <= delay.most_ms
        slot, late_ms, sent_ms = slot[counts], late_ms[counts], time_ms[counts]
        factors = (late_ms / delay.median_ms) ** delay.slope / mean_factor(delay)
        values = np.stack(
            [law.draw(self.rng, np.minimum(means[slot, s] * factors, 1.0)) for s, law in enumerate(self.laws)], axis=1
        )
        times_ms = np.stack([sent_ms + late_ms.astype(np.int64), slot, sent_ms], axis=1)
        if self._waiting is not None:
            times_ms = np.concatenate([self._waiting[0], times_ms])
            values = np.concatenate([self._waiting[1], values])
        now = times_ms[:, 0] < to_ms
        self._waiting = (times_ms[~now], values[~now])
        order = np.flatnonzero(now)[np.argsort(times_ms[now, 0], kind="stable")]
        arrived_ms, slots, sent_ms = times_ms[order].T
        return Arrivals(arrived_ms, slots, trial.fresh_sessions(order.size), values[order], sent_ms, feedback=True)


def mean_factor(delay: Delay) -> float:
    """E[(delay/median)^slope] over delays that count."""
    z = (np.arange(100_000) + 0.5) / 100_000
    late = np.exp(delay.sigma * norm.ppf(z))
    return float((late[late * delay.median_ms <= delay.most_ms] ** delay.slope).mean())
