"""The order of declared workflow steps: which step follows which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_table import ratios
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import CHAIN, Sealed
from homeostat.detectors.statistics.monitors.categorical import one_against_rest


@dataclass(frozen=True)
class TransitionMonitor(Monitor):
    """Watch steps 0 … S − 1 of workflows: does some step follow another more, or less, often than declared?

    `rows`: S + 1 rows of S probabilities, row r the step after step r, the last row the first step of a workflow.
    The observation S starts a new workflow: it is no step, and the next one is judged by the last row.
    e_k = q_k(x | previous)/p(x | previous): for each row the alternatives of `one_against_rest` (one step more or less
    frequent after that step), which give e = 1 after any other step; the rows share the weight equally.
    Guarantee: mean run length at least `run_length` observations (starts count as one) while each step, given the past,
    has the probabilities of its previous step's row. Order beyond the previous step is part of the null.
    Probabilities must be above 0: give a step that is out of order its declared limit. Units: x is the index of a step.
    Source: Ramdas, Grünwald, Vovk, Shafer (2023); Shin, Ramdas, Rinaldo (2022).
    Raises `ValueError` unless S ≥ 2 and S + 1 rows of S probabilities above 0 sum to 1 each.

    >>> rows = ((0.02, 0.97, 0.01), (0.02, 0.01, 0.97), (0.9, 0.05, 0.05), (0.98, 0.01, 0.01))
    >>> monitor = TransitionMonitor(rows, run_length=1000)
    >>> state, run = monitor.run(monitor.start(), [3, 0, 1, 2] * 10 + [3, 0, 2, 2] * 3)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([50], [39])
    """

    kind = "transitions"
    rows: tuple[tuple[float, ...], ...]
    run_length: float

    def __post_init__(self) -> None:
        steps = len(self.rows) - 1
        if steps < 2 or any(len(row) != steps for row in self.rows):
            raise ValueError(f"need S + 1 rows of S >= 2 probabilities, got {[len(row) for row in self.rows]}")
        if any(min(row) <= 0.0 or abs(sum(row) - 1.0) > 1e-9 for row in self.rows):
            raise ValueError("each row holds probabilities above 0 that sum to 1")

    def _seal(self) -> Sealed:
        steps = len(self.rows) - 1
        tables, weights = [], []
        for previous, row in enumerate(self.rows):
            alternatives, shares = one_against_rest(np.array(row))
            table = np.ones((steps + 1, steps + 1, shares.size))
            table[previous, :steps] = ratios(alternatives, np.array(row))
            tables.append(table.reshape(-1, shares.size))
            weights.append(shares / len(self.rows))
        table = np.concatenate(tables, axis=1)
        params = np.array([steps + 1.0])
        pi = np.concatenate(weights)
        return seal(CHAIN, table, self.run_length, limits=(0.0, float(steps), 1.0), params=params, weights=pi)

    def _memory(self) -> Floats:
        return np.array([len(self.rows) - 1.0])

    def draw(self, u: float) -> float:
        """Give a first step: alone it is at the edge of the null only after a start."""
        return float(np.searchsorted(np.cumsum(self.rows[-1])[:-1], u, side="right"))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        row = (0.6, 0.3, 0.1)
        return cls((row,) * 4, 200.0), cls(((0.8, 0.2), (0.8, 0.2), (0.8, 0.2)), 200.0)
