"""What must never happen: one occurrence alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.statistics.cells import CellMonitor, Cells


@dataclass(frozen=True)
class NeverMonitor(CellMonitor):
    """Alarm at the first x = 1: an invented allergy, a message without consent.

    e = 1e100 at x = 1 and 0 at x = 0.
    Guarantee: under the null P(x = 1 | past) = 0 it never alarms, so its run length is infinite and it takes no part of
    a budget; every occurrence alarms, each anew. For what happens rarely by right, declare the rate and use
    `BinaryMonitor`. Units: x is 0 or 1. Source: the likelihood ratio of any rate to 0.

    >>> monitor = NeverMonitor()
    >>> state, run = monitor.run(monitor.start(), [0, 0, 1, 0, 1])
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([2, 4], [2, 4])
    """

    kind = "never"
    run_length: float = 1e6

    @property
    def limits(self) -> tuple[float, float, float]:
        return 0.0, 1.0, 1.0

    def cells(self) -> Cells:
        return Cells(np.array([0.5]), np.array([1.0, 0.0]), np.array([[0.0, 1.0]]), np.ones(1))

    def draw(self, u: float) -> float:
        return float(u < 0.0)

    def draw_moved(self, u: float) -> float:
        return float(u >= 0.0)

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return (cls(),)
