"""A rate against that of a reference, bet on together: neither the baseline nor a bound of it is declared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound, rate_upper_bound
from homeostat.detectors.statistics.effects import effect_grid
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import RATE, Sealed
from homeostat.schemas.signal import Direction

_NULLS = 160
_SIZES, _LEAST, _MIDDLE, _MOST = 5, 0.1, 0.6, 1.0
_MOST_OFFSET = 0.6
_HALVINGS = 40
_LEFT_OUT = 0.001
_LEARNING = 1.0 / 3.0


@dataclass(frozen=True)
class ReferencedMonitor(Monitor):
    """Watch whether 1s have become more (up) or less (down) frequent than among the `n` values of a reference.

    For every rate p, five bets on both samples: R_k = Π over the reference of (q_k/p)ˣ((1 − q_k)/(1 − p))¹⁻ˣ, q_k ≤ p,
    and M_k ← (M_k + w·(.7 + .3·L_k))·(1 + λ_k(x − p)) from M_k = r; alarm when min over p of Σ_k R_k·M_k/5 ≥ A, then
    M_k ← 0, L_k ← 1. Sizes d_k of change, by 2·asin √p, reach to 1 from the one that takes as many observations as the
    reference has (held to .1 … .6). ρ_k·d_k lies below p (q_k) and the rest above it (the rate that λ_k is the best
    stake for): ρ = m/(n + m) makes p the likeliest common rate of n references at q and m observations after a change,
    with m from nm/(n + m)·d²/2 = ln(A·d²/2) − 1, the evidence that an oracle has of a change of that size when it
    alarms. L_k learns from the stream before a change (`e_learnt`): it bets that the stream lies ρ_k·d_k/3 below p.
    The rates are parted into intervals, R_k and L_k taken at the lower end and M_k at the upper one, which only lowers
    them. Where p lies below the exact lower bound of the reference at .001, R_k = 1; above its exact upper one at
    .001/A, R_k = A, so that no such p has a say; all R_k are divided by 1.002 for that.
    Guarantee: for every rate p, E[alarms by t] ≤ (r + t)/`run_length`, r = A/100, over references and streams, while
    each x given the past has a mean of p and each of the n values had one of at least p given theirs (for down: at
    most). E[R_k] ≤ 1 at p, R_k does not know the stream, L_k does not know x, E[L_k] ≤ 1, and M_k − r − t is a
    supermartingale; an alarm takes A off. Not where a rate falls and comes back: L_k has learnt the lower one. With
    `learns` False L_k stays 1 and the mean of x may be anything up to p. For one reference that lies far off by chance
    alarms may be more frequent.
    Conditions: the reference are 0s and 1s, n does not depend on them. Units: x is 0 or 1, or a session's mean.
    Source: Turner, Ly, Grünwald, 'Generic e-variables for exact sequential k-sample tests' (2024), for two samples;
    Waudby-Smith and Ramdas (2023), for the minimum over nulls; Shin, Ramdas, Rinaldo (2022).
    Raises `ValueError` unless 0 ≤ hits ≤ n, n > 0, and the direction is up or down.

    >>> monitor = ReferencedMonitor(hits=50, n=500, run_length=1000)
    >>> state, run = monitor.run(monitor.start(), [0] * 40 + [1] * 8)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([44], [40])
    """

    kind = "referenced"
    hits: int
    n: int
    run_length: float
    direction: Direction = Direction.UP
    learns: bool = True

    def __post_init__(self) -> None:
        if not (0 <= self.hits <= self.n and self.n > 0):
            raise ValueError(f"need 0 <= hits <= n and n > 0, got {self.hits} and {self.n}")
        if self.direction is Direction.BOTH:
            raise ValueError("a referenced monitor looks up or down: use one for each")

    @property
    def _harmful_hits(self) -> int:
        return self.n - self.hits if self.direction is Direction.DOWN else self.hits

    def _ends(self) -> Floats:
        """Ends of the intervals of p, on the scale where harm is up: 0, then evenly by angle between both bounds."""
        hits, n = self._harmful_hits, self.n
        least = rate_lower_bound(n, hits, _LEFT_OUT)
        most = rate_upper_bound(n, hits, _LEFT_OUT / self.run_length)
        inner = np.sin(np.linspace(_angle(least), _angle(most), _NULLS)) ** 2
        return np.concatenate(([0.0], inner)) if least > 0.0 else inner

    def _seal(self) -> Sealed:
        effects = effect_grid(_SIZES, self._least_effect(), _MOST).tolist()
        offsets = [self._offset(effect) for effect in effects]
        ends = self._ends().tolist()
        columns, weights = [], []
        for low, high in pairwise(ends):
            for effect, offset in zip(effects, offsets, strict=True):
                learning = _lower_stake(low, _LEARNING * offset * effect) if self.learns else 0.0
                columns.append((_stake(high, (1.0 - offset) * effect), high, learning, low))
                weights.append(_reference_e(self.n, self._harmful_hits, low, offset * effect))
        table = np.array(columns).T
        if self.direction is Direction.DOWN:
            table = np.array([-table[0], 1.0 - table[1], -table[2], 1.0 - table[3]])
        sealed = seal(RATE, table, self.run_length, limits=(0, 1, 0), params=np.array([float(_SIZES)]))
        share = _SIZES * (1.0 + 2.0 * _LEFT_OUT)
        return sealed._replace(weights=np.array(weights) / share, threshold=self.run_length)

    def _memory(self) -> Floats:
        return np.ones(self.sealed.weights.size)

    def _offset(self, effect: float) -> float:
        """The share ρ = m/(n + m) of a change that lies below the common rate, at most .6."""
        evidence = max(math.log(self.run_length * effect**2 / 2.0) - 1.0, 1.0)
        return min(2.0 * evidence / (self.n * effect**2), _MOST_OFFSET)

    def _least_effect(self) -> float:
        """The size of change that takes as many observations as the reference has: half of it lies below."""
        low, high = _LEAST, _MIDDLE
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            if self._offset(middle) > 0.5:
                low = middle
            else:
                high = middle
        return high

    def draw(self, u: float) -> float:
        """At the lowest rate considered every bet has a mean of at most 1."""
        ends = self._ends()
        least = float(ends[ends > 0.0][0])
        return float(u >= (least if self.direction is Direction.DOWN else 1.0 - least))

    def draw_moved(self, u: float) -> float:
        hit = 0.95 if self.direction is Direction.UP else 0.05
        return float(u >= 1.0 - hit)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return cls(30, 100, 200.0), cls(180, 200, 200.0, Direction.DOWN), cls(0, 50, 200.0)


def _angle(rate: float) -> float:
    return math.asin(math.sqrt(rate))


def _stake(rate: float, effect: float) -> float:
    """The stake of the likelihood ratio of a rate that lies `effect` above, by angle; 0 from a rate of 1."""
    if rate >= 1.0:
        return 0.0
    angle = _angle(rate)
    moved = math.sin(angle + min(effect / 2.0, 0.75 * (math.pi / 2.0 - angle))) ** 2
    return (moved - rate) / (rate * (1.0 - rate))


def _lower_stake(rate: float, effect: float) -> float:
    """The stake of the likelihood ratio of a rate that lies `effect` below, by angle; 0 at the ends."""
    if not 0.0 < rate < 1.0:
        return 0.0
    return (_below(rate, effect) - rate) / (rate * (1.0 - rate))


def _below(rate: float, effect: float) -> float:
    return math.sin(max(_angle(rate) - effect / 2.0, 0.0)) ** 2


def _reference_e(n: int, hits: int, rate: float, effect: float) -> float:
    """The e-value of the reference for a rate that lies `effect` below, by angle; 1 against a rate of 0.

    It rises with the rate, at a given effect, so against all rates of an interval its lower end is the least.
    """
    if rate <= 0.0 or effect <= 0.0:
        return 1.0
    moved = _below(rate, effect)
    if moved <= 0.0:
        return 0.0 if hits else (1.0 - rate) ** -n
    log_e = hits * math.log(moved / rate) + (n - hits) * math.log((1.0 - moved) / (1.0 - rate))
    return math.exp(min(log_e, 200.0))
