"""The spread of values, where their middle may stay: completion that becomes inconsistent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells, equal_weights
from homeostat.detectors.statistics.effects import effect_grid
from homeostat.detectors.statistics.normal_cells import SCORES, cut_at, scale_of, score_probabilities
from homeostat.schemas.signal import Direction


@dataclass(frozen=True)
class SpreadMonitor(CellMonitor):
    """Watch whether values lie further from the middle of their baseline than they did (up), or nearer (down).

    `quantiles` as for `PositiveMonitor`: 33 values at Φ(z), z = −3.2, −3, …, 3.2, of any sign. With z the normal score,
    e_k = P(c | z of deviation s_k)/P(c), s_k at six sizes d of change .12 to 1.8, d² = s² − 1 − ln s².
    Guarantee: mean run length at least `run_length` observations while the cell of x given the past has the baseline's
    probabilities. The null is equality: a shift of the middle may alarm as well (a tail holds more), so read it beside
    the monitor of the mean. Unknown baseline: `ConformalMonitor`.
    Units: any. Source: Shin, Ramdas, Rinaldo (2022). Raises `ValueError` unless the 33 quantiles ascend.

    >>> monitor = SpreadMonitor.normal(mean=0.5, deviation=0.1, run_length=1000, direction=Direction.UP)
    >>> state, run = monitor.run(monitor.start(), [0.45, 0.5, 0.6] * 15 + [0.2, 0.8, 0.9, 0.1])
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([47], [45])
    """

    kind = "spread"
    quantiles: tuple[float, ...]
    run_length: float
    direction: Direction = Direction.BOTH

    def __post_init__(self) -> None:
        cuts = np.array(self.quantiles)
        if cuts.size != SCORES.size or not (np.all(np.diff(cuts) > 0.0) and np.all(np.isfinite(cuts))):
            raise ValueError(f"a spread monitor takes {SCORES.size} ascending finite quantiles, got {cuts.size}")

    @classmethod
    def normal(cls, mean: float, deviation: float, run_length: float, direction: Direction = Direction.BOTH) -> Self:
        """Declare a normal baseline."""
        return cls(tuple(mean + deviation * float(z) for z in SCORES), run_length, direction)

    @classmethod
    def fitted(cls, values: Floats, run_length: float, direction: Direction = Direction.BOTH) -> tuple[Self, ...]:
        """Fit a normal shape by median and interquartile range (two values or more): a plug-in, to be ranked."""
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
        return (cls.normal(median, max((high - low) / 1.349, 1e-9), run_length, direction),)

    @property
    def limits(self) -> tuple[float, float, float]:
        return -math.inf, math.inf, 0.0

    def cells(self) -> Cells:
        sides = {Direction.UP: (True,), Direction.DOWN: (False,), Direction.BOTH: (True, False)}[self.direction]
        scales = [scale_of(float(effect), wider=wider) for wider in sides for effect in effect_grid()]
        rows = [score_probabilities(0.0, scale) for scale in scales]
        return Cells(np.array(self.quantiles), score_probabilities(), *equal_weights(rows))

    def draw(self, u: float) -> float:
        return cut_at(self.quantiles, u)

    def draw_moved(self, u: float) -> float:
        if self.direction is Direction.DOWN:
            return self.draw(0.45 + 0.1 * u)
        return self.draw(0.1 * u if u < 0.5 else 1.0 - 0.1 * u)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return tuple(cls.normal(0.5, 0.1, 200.0, direction) for direction in Direction)
