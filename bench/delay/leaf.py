"""What runs in a leaf, measured: a reference of 200 sessions, its bound, the tolerance, eight bets a direction.

The leaf's own functions seal and bet (`baseline_bound`, `stakes`); its weight is that of 1,000 sessions a week at one
false alarm a week over 10,000 monitors, so a monitor has a mean run length of 10⁷ sessions. CUSUMs of that run length
know the law after the change: one from the edge of the null (bound + tolerance), one from baseline + tolerance.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from bench.delay.oracle import Floats, first_crossing
from homeostat.detectors.compiled import compiled
from homeostat.detectors.leaf.stakes import guess_deviation, write_stakes
from homeostat.detectors.statistics.baseline_bound import mean_bounds, session_rate_bounds
from homeostat.detectors.statistics.bets import MONITOR_BETS, UP
from homeostat.detectors.statistics.e_shiryaev_roberts import step_linear

REFERENCES = 200
DELTA = 1e-4
TOLERANCE = 0.02
RUN_LENGTH = 1e7
_POOL = 1 << 14
_CYCLES = 3000
_HALVINGS = 12
_MOST = 20_000


class Change(NamedTuple):
    """A mean of 0s and 1s (`deviation` None) or of values in [0, 1] of a beta law, before and after."""

    before: float
    after: float
    deviation: float | None = None


CHANGES = (
    Change(0.02, 0.25),
    Change(0.05, 0.3),
    Change(0.1, 0.35),
    Change(0.1, 0.8),
    Change(0.3, 0.6),
    Change(0.5, 0.8),
    Change(0.15, 0.26, 0.05),
    Change(0.3, 0.42, 0.15),
    Change(0.3, 0.6, 0.15),
    Change(0.5, 0.57, 0.05),
    Change(0.5, 0.62, 0.15),
    Change(0.1, 0.28, 0.2),
)


class Measured(NamedTuple):
    """`edge`: mean null mean; delays ÷ CUSUM's: from the edge (change at 0, at 500), and from baseline + tolerance."""

    change: Change
    edge: float
    from_edge: tuple[float, float]
    from_baseline: float


def measure(changes: Sequence[Change], references: int, repeats: int, seed: int) -> list[Measured]:
    """Measure each change over some references, with so many streams each."""
    return [_measure(change, references, repeats, np.random.default_rng((seed, i))) for i, change in enumerate(changes)]


def _measure(change: Change, references: int, repeats: int, rng: np.random.Generator) -> Measured:
    before, after = pool_of(change.before, change.deviation), pool_of(change.after, change.deviation)
    bare = Oracle(change.before + TOLERANCE, after, change.deviation, rng).delay(rng, 0, repeats * references)
    edges, ratios, whole = [], [], []
    for _ in range(references):
        edge, stakes = seal(rng.choice(before, REFERENCES), change.deviation is None)
        edges.append(edge)
        whole.append(mean_delay(stakes, edge, before, after, rng, 0, repeats) / bare)
        if edge < change.after:
            oracle, at_edge = Oracle(edge, after, change.deviation, rng), pool_of(edge, change.deviation)
            ratios.append(
                [
                    mean_delay(stakes, edge, at_edge, after, rng, at, repeats) / oracle.delay(rng, at, 2 * repeats)
                    for at in (0, 500)
                ]
            )
    first, later = np.mean(ratios, axis=0).tolist() if ratios else (math.nan, math.nan)
    return Measured(change, float(np.mean(edges)), (first, later), float(np.mean(whole)))


def seal(values: Floats, is_binary: bool) -> tuple[float, Floats]:
    """Give the null mean and the stakes upwards that a leaf seals from a reference."""
    low, high = session_rate_bounds(values, DELTA) if is_binary else mean_bounds(values, DELTA)
    stakes, edge = np.empty(MONITOR_BETS), high + TOLERANCE
    write_stakes(is_binary, edge, UP, stakes, guess_deviation(float(values.size), low, high, DELTA))
    return edge, stakes


def pool_of(mean: float, deviation: float | None) -> Floats:
    """Values to draw from: as many 1s as the rate says, or the quantiles of a beta law."""
    places = (np.arange(_POOL) + 0.5) / _POOL
    if deviation is None:
        return (places > 1.0 - mean).astype(float)
    size = mean * (1.0 - mean) / deviation**2 - 1.0
    return np.asarray(stats.beta(mean * size, (1.0 - mean) * size).ppf(places))


class Oracle:
    """CUSUM of the best bet against a null mean, calibrated by the cycles between its returns to 0."""

    def __init__(self, edge: float, after: Floats, deviation: float | None, rng: np.random.Generator) -> None:
        self.before, self.after = pool_of(edge, deviation), after
        best = optimize.minimize_scalar(
            lambda stake: -float(np.log1p(stake * (after - edge)).mean()), bounds=(0.0, 0.999 / edge), method="bounded"
        )
        self._edge, self._stake = edge, float(best.x)
        self.level = self._calibrate(rng)

    def score(self, xs: Floats) -> Floats:
        return np.log1p(self._stake * (xs - self._edge))

    def _calibrate(self, rng: np.random.Generator) -> float:
        """Run length = mean cycle ÷ P(a cycle crosses), that chance by drawing from the law tilted to the bet."""
        null = self.score(self.before)
        weights = np.exp(null) / np.exp(null).sum()
        tilted = rng.choice(null, null.size, p=weights)
        low, high = 0.5, math.log(RUN_LENGTH) + 3.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            length, chance = _run_cycles(null, tilted, middle, _CYCLES, rng)
            low, high = (middle, high) if length < RUN_LENGTH * chance else (low, middle)
        return high

    def delay(self, rng: np.random.Generator, change: int, repeats: int) -> float:
        """Mean delay over streams that have not alarmed before the change."""
        found: list[float] = []
        longest = 4000
        while len(found) < repeats:
            xs = np.concatenate((rng.choice(self.before, change), rng.choice(self.after, longest)))
            at = first_crossing(self.score(xs), self.level)
            if at < 0:
                longest *= 2
            elif at >= change:
                found.append(at - change + 1.0)
        return float(np.mean(found))


@compiled
def _run_cycles(
    null: Floats, tilted: Floats, level: float, cycles: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Mean length of a cycle of the null, from 0 to 0 or the level, and the chance that one reaches the level."""
    steps, chance = 0.0, 0.0
    for _ in range(cycles):
        total, taken = _run_cycle(null, level, rng)
        steps += taken
        total, taken = _run_cycle(tilted, level, rng)
        if total >= level:
            chance += math.exp(-total)
    return steps / cycles, chance / cycles


@compiled
def _run_cycle(pool: Floats, level: float, rng: np.random.Generator) -> tuple[float, int]:
    """Draw from a pool until the sum of scores is at most 0 or at least the level: (the sum, how many)."""
    total, taken = pool[int(rng.random() * pool.shape[0])], 1
    while 0.0 < total < level:
        total += pool[int(rng.random() * pool.shape[0])]
        taken += 1
    return total, taken


@compiled
def mean_delay(
    stakes: Floats, edge: float, before: Floats, after: Floats, rng: np.random.Generator, change: int, repeats: int
) -> float:
    """Mean delay of the leaf's monitor over streams that have not alarmed before the change; `_MOST` at most."""
    total, runs = 0.0, 0
    while runs < repeats:
        m = np.zeros(stakes.shape[0])
        taken, alarmed = 0, False
        while not alarmed and taken < change + _MOST:
            pool = before if taken < change else after
            x = pool[int(rng.random() * pool.shape[0])]
            alarmed = step_linear(m, 1.0 + stakes * (x - edge), 1.0, RUN_LENGTH)
            taken += 1
        if taken > change:
            total += taken - change
            runs += 1
    return total / repeats
