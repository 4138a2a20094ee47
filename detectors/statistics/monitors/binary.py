"""A rate of binary observations, or of sessions that are means of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells, equal_weights
from homeostat.detectors.statistics.effects import effect_grid, rate_alternatives
from homeostat.detectors.statistics.monitor import seal
from homeostat.detectors.statistics.monitor_kernel import RATE, Sealed
from homeostat.schemas.signal import Direction


@dataclass(frozen=True)
class BinaryMonitor(CellMonitor):
    """Watch a rate: is P(x = 1 | past) still at most `rate` (up), at least `rate_low` (down), between both?

    e_k = 1 + λ_k(x − m), λ_k = (p_k − m)/(m(1 − m)): at x in {0, 1} the likelihood ratio of p_k to m, and for a
    session's mean x in [0, 1] an e-value of its conditional mean, so clusters enter as one observation. Up to six p_k a
    direction at sizes of change .12 to 1.8 (`effects`), mixed with equal weights.
    Guarantee: mean run length at least `run_length` observations while E[x | past] ≤ `rate` (≥ `rate_low` for down),
    whatever the dependence. Known baseline: the rate itself. An absolute safety limit: the limit. Unknown baseline: the
    ends of `baseline_bound`'s intervals, whose δ adds to the budget; or `ConformalMonitor`.
    Units: x is 0 or 1, or a mean of such. Source: Shin, Ramdas, Rinaldo (2022); Waudby-Smith and Ramdas (2023).
    No bet where nothing lies beyond the null: up from a rate of 1; at a rate of 0 see `NeverMonitor`.
    Raises `ValueError` unless 0 ≤ rate_low ≤ rate ≤ 1.

    >>> monitor = BinaryMonitor(rate=0.1, run_length=1000, direction=Direction.UP)
    >>> state, run = monitor.run(monitor.start(), [0] * 40 + [1] * 4)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([43], [40])
    """

    kind = "binary"
    rate: float
    run_length: float
    direction: Direction = Direction.BOTH
    rate_low: float | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self._low <= self.rate <= 1.0:
            raise ValueError(f"rates {self._low} and {self.rate} must be ordered and inside [0, 1]")

    @classmethod
    def fitted(cls, values: Floats, run_length: float, direction: Direction = Direction.BOTH) -> tuple[Self, ...]:
        """Fit the rate of a sample (one value or more), and a standard error below and above it: plug-ins to be ranked.

        >>> [round(model.rate, 3) for model in BinaryMonitor.fitted(np.array([0.0, 1.0] * 50), 1000.0)]
        [0.452, 0.5, 0.553]
        """
        rate = (float(values.sum()) + 0.5) / (values.size + 1.0)
        step = math.exp(math.sqrt((1.0 - rate) / (rate * values.size)))
        return tuple(cls(min(rate * factor, 1.0), run_length, direction) for factor in (1.0 / step, 1.0, step))

    @property
    def _low(self) -> float:
        return self.rate if self.rate_low is None else self.rate_low

    @property
    def limits(self) -> tuple[float, float, float]:
        return 0.0, 1.0, 0.0

    def _bets(self) -> tuple[Floats, Floats]:
        """Alternatives and the null rates that they are bets against."""
        means, alternatives = [], []
        for side, mean in ((Direction.UP, self.rate), (Direction.DOWN, self._low)):
            if self.direction in {side, Direction.BOTH}:
                rates = rate_alternatives(mean, effect_grid(), up=side is Direction.UP)
                alternatives.append(rates)
                means.append(np.full(rates.size, mean))
        return np.concatenate(alternatives), np.concatenate(means)

    def _seal(self) -> Sealed:
        alternatives, means = self._bets()
        spread = means * (1.0 - means)
        inside = spread > 0.0
        stakes = np.where(inside, (alternatives - means) / np.where(inside, spread, 1.0), 0.0)
        return seal(RATE, np.array([stakes, means]), self.run_length, limits=self.limits)

    def cells(self) -> Cells:
        rates = self._bets()[0]
        rows, weights = equal_weights([np.array([1.0 - rate, rate]) for rate in rates])
        return Cells(np.array([0.5]), np.array([1.0 - self.rate, self.rate]), rows, weights)

    def draw(self, u: float) -> float:
        edge = self._low if self.direction is Direction.DOWN else self.rate
        return float(u >= 1.0 - edge)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return (
            cls(0.1, 200.0, Direction.UP),
            cls(0.5, 200.0, Direction.DOWN),
            cls(0.2, 200.0),
            cls(0.3, 200.0, Direction.BOTH, 0.2),
        )
