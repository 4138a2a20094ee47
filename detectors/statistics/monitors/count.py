"""Counts: tool calls, retrieval hits, edits; overdispersed ones too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells, equal_weights
from homeostat.detectors.statistics.count_cells import cell_edges, cell_probabilities, most_count
from homeostat.detectors.statistics.effects import effect_grid, find_alternative
from homeostat.schemas.signal import Direction

_MOST_FACTOR = 20.0
_FEW = 5.0


@dataclass(frozen=True)
class CountMonitor(CellMonitor):
    """Watch counts of mean `mean` and variance m + φ·m² (φ = `dispersion`): do they grow, or shrink?

    e_k = P(c | mean m_k)/P(c | mean m), c the cell of x (each count its own while they are few), both negative binomial
    with the same φ, Poisson for φ = 0; six m_k a direction at sizes of change .12 to 1.8 (`effects`).
    Guarantee: mean run length at least `run_length` observations while, given the past, x is stochastically no larger
    (up) or no smaller (down) than that distribution; both: equal to it. The ratio rises with x, so smaller means and
    smaller counts are covered; a wider spread than declared is not: choose φ so that the tail is covered, or rank
    (`ConformalMonitor`), which needs no model.
    Units: counts. Source: Shin, Ramdas, Rinaldo (2022). Raises `ValueError` unless mean > 0, dispersion ≥ 0.

    >>> monitor = CountMonitor(mean=2.0, run_length=1000, dispersion=0.2, direction=Direction.UP)
    >>> state, run = monitor.run(monitor.start(), [1, 2, 3] * 15 + [9, 8, 7, 9])
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([47], [45])
    """

    kind = "count"
    mean: float
    run_length: float
    direction: Direction = Direction.BOTH
    dispersion: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.mean < math.inf and 0.0 <= self.dispersion < math.inf):
            raise ValueError(f"mean {self.mean} must be above 0 and dispersion {self.dispersion} at least 0")

    @classmethod
    def fitted(cls, values: Floats, run_length: float, direction: Direction = Direction.BOTH) -> tuple[Self, ...]:
        """Fit mean and dispersion to a sample by moments, and a standard error below and above the mean: to be ranked.

        The neighbours only while counts are few (mean below 5): ties are what makes ranks depend on the model.
        """
        mean = max(float(values.mean()), 0.5 / values.size)
        extra = float(values.var()) - mean
        dispersion = max(extra, 0.0) / mean**2
        step = math.exp(math.sqrt((1.0 / mean + dispersion) / values.size))
        factors = (1.0 / step, 1.0, step) if mean < _FEW else (1.0,)
        return tuple(cls(mean * factor, run_length, direction, dispersion) for factor in factors)

    @property
    def limits(self) -> tuple[float, float, float]:
        return 0.0, math.inf, 1.0

    def _edges(self) -> Floats:
        return cell_edges(self.mean, self.dispersion, most_count(self.mean, self.dispersion))

    def cells(self) -> Cells:
        edges = self._edges()
        null = cell_probabilities(self.mean, self.dispersion, edges)
        rows = []
        for side in (Direction.UP, Direction.DOWN):
            if self.direction in {side, Direction.BOTH}:
                rows += [self._alternative(edges, null, float(d), up=side is Direction.UP) for d in effect_grid()]
        return Cells(edges, null, *equal_weights(rows))

    def _alternative(self, edges: Floats, null: Floats, effect: float, *, up: bool) -> Floats:
        def family(t: float) -> Floats:
            factor = _MOST_FACTOR**t if up else 1.0 - t
            return cell_probabilities(self.mean * factor, self.dispersion, edges)

        return find_alternative(family, null, effect, 1.0)

    def draw(self, u: float) -> float:
        edges = self._edges()
        levels = np.cumsum(cell_probabilities(self.mean, self.dispersion, edges))[:-1]
        cell = int(np.searchsorted(levels, u, side="right"))
        return float(edges[cell] - 0.5) if cell < edges.size else float(edges[-1] + 0.5)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return (
            cls(2.0, 200.0, Direction.UP),
            cls(5.0, 200.0, Direction.DOWN, 0.3),
            cls(300.0, 200.0, Direction.BOTH, 0.05),
        )
