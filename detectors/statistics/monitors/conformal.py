"""Any monitor over cells, without knowing its baseline: ranks among a reference and the past, within strata."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor, Cells
from homeostat.detectors.statistics.e_table import find_cell
from homeostat.detectors.statistics.monitor import Monitor, Observation, seal
from homeostat.detectors.statistics.monitor_kernel import RANK, Sealed
from homeostat.detectors.statistics.monitors.binary import BinaryMonitor
from homeostat.detectors.statistics.monitors.positive import PositiveMonitor
from homeostat.schemas.signal import Direction

_MOST_STRATA = 8


@dataclass(frozen=True)
class ConformalMonitor(Monitor):
    """Watch with the bets of `models`, monitors over cells of one kind, whose baselines are not trusted but ranked.

    u = (#below + U·(#equal + 1))/(n + 1) of the cell of x among the reference and all earlier observations of its
    stratum, U a keyed hash of (key, count). u is uniform whatever the distribution; the cell it has in a model's
    cumulative probabilities goes through that model's table (`e_rank`). The first model cuts the values; all models'
    bets are mixed with equal weights, so that a rate which a short sample missed a little costs little power (`fitted`
    of each kind gives them). With no reference at all it learns from the stream.
    Guarantee: mean run length at least `run_length` of the models while each stratum's observations are exchangeable
    with its reference, for any n, n = 0 included, and however wrong the models: that costs power only. Conditions: the
    models were not made from `reference` (use an earlier part of the baseline); one observation a session.
    The null is wider than a mean's in no direction: any change of distribution may alarm, a harmless one too, so it
    corroborates and does not roll back. The past joins the reference, so a change that is not found in time fades.
    Units: those of the models; with strata, x is (value, stratum). Source: Vovk, Gammerman, Shafer, 'Algorithmic
    learning in a random world' (2005), ch. 8; Vovk, 'Testing randomness online' (2021).
    Raises `ValueError` for no model or differing run lengths, more than 8 strata, a key outside [0, 2⁵²), or a
    reference that the models refuse.

    >>> values = np.array(([0.0] * 9 + [1.0]) * 40)
    >>> models = BinaryMonitor.fitted(values[:100], run_length=1000, direction=Direction.UP)
    >>> monitor = ConformalMonitor(models, reference=(tuple(values[100:]),))
    >>> state, run = monitor.run(monitor.start(), [0] * 40 + [1] * 6)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([44], [40])
    """

    kind = "conformal"
    models: tuple[CellMonitor, ...]
    reference: tuple[tuple[float, ...], ...] = ((),)
    key: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.reference) <= _MOST_STRATA or not 0 <= self.key < 2**52:
            raise ValueError(f"need 1 to {_MOST_STRATA} strata and a key below 2**52, got {len(self.reference)} strata")
        if len({model.run_length for model in self.models}) != 1:
            raise ValueError("need models of one run length, at least one of them")
        low, high, whole = self.models[0].limits
        for x in (x for stratum in self.reference for x in stratum):
            if not (math.isfinite(x) and low <= x <= high and not (whole and x != math.floor(x))):
                raise ValueError(f"reference value {x} is no value of a {self.models[0].kind} monitor")

    @property
    def width(self) -> int:
        return 1 if len(self.reference) == 1 else 2

    def _seal(self) -> Sealed:
        made = [model.cells() for model in self.models]
        levels = np.unique(np.concatenate([cells.levels for cells in made]))
        table = np.concatenate([_spread_over(levels, cells) for cells in made], axis=1)
        weights = np.concatenate([cells.weights for cells in made]) / len(made)
        limits = (*self.models[0].limits, 0.0, len(self.reference) - 1.0, 1.0)
        params = np.concatenate(([float(self.key)], levels))
        length = self.models[0].run_length
        return seal(RANK, table, length, limits=limits, edges=made[0].edges, params=params, weights=weights)

    def _memory(self) -> Floats:
        edges = self.sealed.edges
        counts = np.zeros((len(self.reference), edges.size + 1))
        for stratum, values in enumerate(self.reference):
            for x in values:
                counts[stratum, find_cell(x, edges)] += 1.0
        return np.concatenate(([0.0], counts.ravel()))

    def draw(self, u: float) -> Observation:
        x = self.models[0].draw(u)
        return x if self.width == 1 else np.array([x, float(int(u * 2**20) % len(self.reference))])

    @classmethod
    def examples(cls) -> Sequence[Self]:
        binary = BinaryMonitor(0.3, 200.0, Direction.UP)
        positive = PositiveMonitor.log_normal(6.0, 0.35, 200.0)
        learned = BinaryMonitor.fitted(np.array([0.0, 1.0, 0.0, 0.0]), 200.0, Direction.UP)
        return (
            cls((binary,), ((0.0,) * 30 + (1.0,) * 10,)),
            cls((positive,)),
            cls((positive,), ((5.0,), (6.0,)), key=7),
            cls(learned),
        )


def _spread_over(levels: Floats, cells: Cells) -> Floats:
    """Give a model's e-values, float64 [interval, K], on the intervals of u between levels that hold all its own."""
    middles = (np.concatenate(([0.0], levels)) + np.concatenate((levels, [1.0]))) / 2.0
    return cells.table[np.searchsorted(cells.levels, middles, side="right")]
