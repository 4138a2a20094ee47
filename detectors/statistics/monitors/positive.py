"""Positive values with heavy tails: latency, lengths, costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells, equal_weights
from homeostat.detectors.statistics.effects import effect_grid
from homeostat.detectors.statistics.normal_cells import SCORES, cut_at, score_probabilities
from homeostat.schemas.signal import Direction


@dataclass(frozen=True)
class PositiveMonitor(CellMonitor):
    """Watch positive values against a baseline's quantiles: does any of them get exceeded more often than declared?

    `quantiles`: the 33 values that the baseline stays below with probability Φ(z), z = −3.2, −3, …, 3.2.
    With c the cell of x between them and z its normal score, e_k = P(c | z shifted by ±d_k)/P(c), d_k six sizes of
    .12 to 1.8 (`effects`); of a log-normal baseline that is a change of the median by a factor of exp(±σ·d_k). No e is
    above 1/P(c), so one huge value is one value beyond the last quantile.
    Guarantee: mean run length at least `run_length` observations while, given the past, P(x ≥ q) ≤ 1 − Φ(z) (up), or ≥
    (down), at each declared quantile (both: equal): stochastically no larger than the baseline, as the ratios rise with
    the cell. It is no statement on the mean, which of a heavy tail nobody knows. Quantiles estimated from a reference
    are plug-in, without a guarantee: wrap the monitor in a `ConformalMonitor`.
    Units: any, x ≥ 0. Source: Shin, Ramdas, Rinaldo (2022); stochastic order: Lehmann (1955).
    Raises `ValueError` unless the 33 quantiles ascend and are above 0.

    >>> monitor = PositiveMonitor.log_normal(median=6.0, sigma=0.35, run_length=1000, direction=Direction.UP)
    >>> state, run = monitor.run(monitor.start(), [4.5, 6.0, 8.0] * 15 + [12.0, 14.0, 1e9, 11.0])
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([47], [44])
    """

    kind = "positive"
    quantiles: tuple[float, ...]
    run_length: float
    direction: Direction = Direction.BOTH

    def __post_init__(self) -> None:
        cuts = np.array(self.quantiles)
        if cuts.size != SCORES.size or not (np.all(np.diff(cuts) > 0.0) and cuts[0] > 0.0 and math.isfinite(cuts[-1])):
            raise ValueError(f"a positive monitor takes {SCORES.size} ascending quantiles above 0, got {cuts.size}")

    @classmethod
    def log_normal(cls, median: float, sigma: float, run_length: float, direction: Direction = Direction.BOTH) -> Self:
        """Declare a log-normal baseline by its median and the standard deviation of its logarithm."""
        return cls(tuple(median * math.exp(sigma * float(z)) for z in SCORES), run_length, direction)

    @classmethod
    def fitted(cls, values: Floats, run_length: float, direction: Direction = Direction.BOTH) -> tuple[Self, ...]:
        """Fit the log-normal shape of a sample above 0 (two values or more): a plug-in, to be ranked.

        Median and interquartile range of the logarithms, so that single values do not matter.
        """
        low, median, high = np.quantile(np.log(values), (0.25, 0.5, 0.75)).tolist()
        return (cls.log_normal(math.exp(median), max((high - low) / 1.349, 1e-6), run_length, direction),)

    @property
    def limits(self) -> tuple[float, float, float]:
        return 0.0, math.inf, 0.0

    def cells(self) -> Cells:
        signs = {Direction.UP: (1.0,), Direction.DOWN: (-1.0,), Direction.BOTH: (1.0, -1.0)}[self.direction]
        shifted = [score_probabilities(sign * float(effect)) for sign in signs for effect in effect_grid()]
        return Cells(np.array(self.quantiles), score_probabilities(), *equal_weights(shifted))

    def draw(self, u: float) -> float:
        return cut_at(self.quantiles, u)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return tuple(cls.log_normal(6.0, 0.35, 200.0, direction) for direction in Direction)
