"""A rate against that of a reference, bet on together: neither the baseline nor a bound of it is declared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.clopper_pearson import rate_upper_bound
from homeostat.detectors.statistics.effects import effect_grid
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import LINEAR, Sealed
from homeostat.schemas.signal import Direction

_NULLS = 33
_SIZES, _LEAST, _MOST = 5, 0.1, 1.0
_REFERENCE_RATIOS = (0.0, 0.15, 0.4)
_REACH = 3.0


@dataclass(frozen=True)
class ReferencedMonitor(Monitor):
    """Watch whether 1s have become more (up) or less (down) frequent than among the `n` values of a reference.

    For every rate p that the reference leaves possible, 15 bets on both samples: R_k = Π over the reference of
    (q_k/p)ˣ((1 − q_k)/(1 − p))¹⁻ˣ with q_k ≤ p, and M_k ← (M_k + w)·(1 + λ_k(x − p)); alarm when
    min over p of Σ_k R_k·M_k/15 ≥ A. The rates p are parted into 33 intervals, R_k taken at the lower end and M_k at
    the upper one, which both only lower it. Sizes of change are .1 to 1 by 2·asin √p; q_k lies 0, .15, .4 of it lower.
    The best of the bets loses what two samples of n and m must, m/(1 + m/n) for m, and the mixture some more; a bound
    would forgive its whole width.
    Guarantee: E[alarms by t] ≤ t/`run_length`, over references and streams, but for a chance of δ = `delta` that p lies
    beyond the exact bound, while each x given the past has a mean of at most that p which each of the n values had at
    least given theirs (for down the other way round). R_k ≥ 0 has a mean of at most 1 at p, and does not know the
    stream; M_k − t is a supermartingale. For one reference that lies far off by chance alarms may be more frequent.
    Conditions: the reference are 0s and 1s, n does not depend on them. Units: x is 0 or 1, or a session's mean.
    Source: Turner, Ly, Grünwald, 'Generic e-variables for exact sequential k-sample tests' (2024), for two samples;
    Waudby-Smith and Ramdas (2023), for the minimum over nulls; Shin, Ramdas, Rinaldo (2022).
    Raises `ValueError` unless 0 ≤ hits ≤ n, n > 0, 0 < delta < 1, and the direction is up or down.

    >>> monitor = ReferencedMonitor(hits=50, n=500, run_length=1000)
    >>> state, run = monitor.run(monitor.start(), [0] * 40 + [1] * 8)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([45], [40])
    """

    kind = "referenced"
    hits: int
    n: int
    run_length: float
    direction: Direction = Direction.UP
    delta: float = 0.01

    def __post_init__(self) -> None:
        if not (0 <= self.hits <= self.n and self.n > 0 and 0.0 < self.delta < 1.0):
            raise ValueError(f"need 0 <= hits <= n, n > 0 and 0 < delta < 1, got {self.hits}, {self.n}, {self.delta}")
        if self.direction is Direction.BOTH:
            raise ValueError("a referenced monitor looks up or down: use one for each")

    @property
    def _harmful_hits(self) -> int:
        return self.n - self.hits if self.direction is Direction.DOWN else self.hits

    def _ends(self) -> Floats:
        """Ends of the intervals of p, on the scale where harm is up: 0, then evenly from −3 standard errors to U."""
        hits, n = self._harmful_hits, self.n
        middle = (hits + 0.5) / (n + 1.0)
        least = max(middle - _REACH * math.sqrt(middle * (1.0 - middle) / n), middle / 10.0)
        most = rate_upper_bound(n, hits, self.delta)
        return np.concatenate(([0.0], np.linspace(min(least, most / 2.0), most, _NULLS)))

    def _seal(self) -> Sealed:
        ends = self._ends()
        effects = effect_grid(_SIZES, _LEAST, _MOST)
        stakes, means, weights = [], [], []
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            for effect in effects.tolist():
                for ratio in _REFERENCE_RATIOS:
                    stakes.append(_stake(high, effect))
                    means.append(high)
                    weights.append(_reference_e(self.n, self._harmful_hits, low, ratio * effect))
        group = effects.size * len(_REFERENCE_RATIOS)
        table = np.array([stakes, means])
        if self.direction is Direction.DOWN:
            table = np.array([-table[0], 1.0 - table[1]])
        sealed = seal(LINEAR, table, self.run_length, limits=(0, 1, 0), params=np.array([float(group)]))
        return sealed._replace(weights=np.array(weights) / group, threshold=self.run_length, head_start=0.0)

    def draw(self, u: float) -> float:
        """At the lowest rate considered every bet has a mean of at most 1."""
        least = float(self._ends()[1])
        return float(u >= (least if self.direction is Direction.DOWN else 1.0 - least))

    def draw_moved(self, u: float) -> float:
        hit = 0.95 if self.direction is Direction.UP else 0.05
        return float(u >= 1.0 - hit)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return cls(30, 100, 200.0), cls(180, 200, 200.0, Direction.DOWN), cls(0, 50, 200.0)


def _stake(rate: float, effect: float) -> float:
    """The stake of the likelihood ratio of a rate that lies `effect` above, by angle; 0 from a rate of 1."""
    if rate >= 1.0:
        return 0.0
    angle = math.asin(math.sqrt(rate))
    moved = math.sin(angle + min(effect / 2.0, 0.75 * (math.pi / 2.0 - angle))) ** 2
    return (moved - rate) / (rate * (1.0 - rate))


def _reference_e(n: int, hits: int, rate: float, effect: float) -> float:
    """The e-value of the reference for a rate that lies `effect` below, by angle, against rates of at least `rate`."""
    if rate <= 0.0 or effect <= 0.0:
        return 1.0
    moved = math.sin(max(math.asin(math.sqrt(rate)) - effect / 2.0, 0.0)) ** 2
    if moved <= 0.0:
        return 0.0 if hits else (1.0 - rate) ** -n
    log_e = hits * math.log(moved / rate) + (n - hits) * math.log((1.0 - moved) / (1.0 - rate))
    return math.exp(min(log_e, 200.0))
