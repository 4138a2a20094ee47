"""The mean of values in [0, 1] of any distribution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.effects import LEAST_EFFECT
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import LINEAR, Sealed
from homeostat.schemas.signal import Direction

_CAP = 63.0 / 64.0
_CAP_SHARE, _BELOW_CAP = 0.6, 5
_ROOM = 2.0**-20


@dataclass(frozen=True)
class BoundedMonitor(Monitor):
    """Watch a mean of values in [0, 1]: is it still at most `mean` (up), at least `mean_low` (down), between both?

    e_k = 1 + λ_k(x − m), 0 ≤ λ_k < 1/m (up); e_k = 1 − λ_k(x − m'), 0 ≤ λ_k < 1/(1 − m') (down). Best for a shift δ at
    standard deviation σ is about λ = δ/(σ² + δ²), at the cap for σ² < mδ: one stake is 63/64 of the cap and has .6 of
    the weight, five lie evenly below it on a log scale down to .12/σ. `spread` is the σ expected: it chooses
    stakes, the guarantee does not use it.
    Guarantee: mean run length at least `run_length` observations while E[x | past] ≤ `mean` (≥ `mean_low` for down),
    for any distribution on [0, 1] and any dependence. The price of so wide a null: no bet may pass the cap, so a signal
    of small σ is watched more slowly than a parametric test would; ranks (`ConformalMonitor`) do not pay it.
    A session enters as its mean. Unknown baseline: the ends of `baseline_bound`'s intervals, or ranks.
    Units: those of a signal scaled to [0, 1]. Source: Waudby-Smith and Ramdas (2023); Shin, Ramdas, Rinaldo (2022).
    Raises `ValueError` unless 0 ≤ mean_low ≤ mean ≤ 1 and spread > 0.

    >>> monitor = BoundedMonitor(mean=0.2, run_length=1000, direction=Direction.UP)
    >>> state, run = monitor.run(monitor.start(), [0.1, 0.25] * 20 + [0.7] * 8)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([44], [39])
    """

    kind = "bounded"
    mean: float
    run_length: float
    direction: Direction = Direction.BOTH
    mean_low: float | None = None
    spread: float = 0.2

    def __post_init__(self) -> None:
        if not (0.0 <= self._low <= self.mean <= 1.0 and self.spread > 0.0):
            raise ValueError(f"means {self._low}, {self.mean} must be ordered in [0, 1], spread {self.spread} above 0")

    @property
    def _low(self) -> float:
        return self.mean if self.mean_low is None else self.mean_low

    def _seal(self) -> Sealed:
        stakes, means = [], []
        for sign, mean in ((1.0, self.mean), (-1.0, self._low)):
            if self.direction in {Direction.BOTH, Direction.UP if sign > 0.0 else Direction.DOWN}:
                stakes.append(sign * self._stakes(mean if sign > 0.0 else 1.0 - mean))
                means.append(np.full(stakes[-1].size, mean))
        table = np.array([np.concatenate(stakes), np.concatenate(means)])
        side = np.array([_CAP_SHARE] + [(1.0 - _CAP_SHARE) / _BELOW_CAP] * _BELOW_CAP)
        weights = np.tile(side, len(stakes)) / len(stakes)
        return seal(LINEAR, table, self.run_length, limits=(0, 1, 0), weights=weights)

    def _stakes(self, harmful_mean: float) -> Floats:
        """Stakes against a null mean mirrored so that harm is up; 0 where the null covers everything."""
        if harmful_mean > 1.0 - _ROOM:
            return np.zeros(1 + _BELOW_CAP)
        cap = _CAP / max(harmful_mean, _ROOM)
        least = min(LEAST_EFFECT / self.spread, cap / 2.0)
        return np.geomspace(cap, least, _BELOW_CAP + 1)

    def draw(self, u: float) -> float:
        edge = self._low if self.direction is Direction.DOWN else self.mean
        return u ** (1.0 / edge - 1.0) if edge > 0.0 else 0.0

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return (
            cls(0.3, 200.0, Direction.UP),
            cls(0.6, 200.0, Direction.DOWN, spread=0.05),
            cls(0.4, 200.0),
            cls(0.5, 200.0, Direction.BOTH, 0.4),
        )
