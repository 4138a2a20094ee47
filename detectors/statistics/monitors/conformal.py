"""Any monitor over cells, without knowing its baseline: ranks among a reference and the past, within strata."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.cells import CellMonitor
from homeostat.detectors.statistics.e_table import find_cell
from homeostat.detectors.statistics.monitor import Monitor, Observation, seal
from homeostat.detectors.statistics.monitor_kernel import RANK, Sealed
from homeostat.detectors.statistics.monitors.binary import BinaryMonitor
from homeostat.detectors.statistics.monitors.positive import PositiveMonitor
from homeostat.schemas.signal import Direction

_MOST_STRATA = 8


@dataclass(frozen=True)
class ConformalMonitor(Monitor):
    """Watch with the bets of `model`, a monitor over cells, whose baseline is not trusted but ranked.

    u = (#below + U·(#equal + 1))/(n + 1) of the cell of x among the reference and all earlier observations of its
    stratum, U a keyed hash of (key, count). u is uniform whatever the distribution; the cell it has in the model's
    cumulative probabilities goes through the model's table (`e_rank`).
    Guarantee: mean run length at least `run_length` of the model while each stratum's observations are exchangeable
    with its reference, for any n, n = 0 included, and however wrong the model: that costs power only. Conditions: the
    model was not made from `reference` (use an earlier part of the baseline); one observation a session.
    The null is wider than a mean's in no direction: any change of distribution may alarm, a harmless one too, so it
    corroborates and does not roll back. The past joins the reference, so a change that is not found in time fades.
    Units: those of the model; with strata, x is (value, stratum). Source: Vovk, Gammerman, Shafer, 'Algorithmic
    learning in a random world' (2005), ch. 8; Vovk, 'Testing randomness online' (2021).
    Raises `ValueError` for more than 8 strata, a negative key, or a reference that the model refuses.

    >>> model = BinaryMonitor(rate=0.15, run_length=1000, direction=Direction.UP)
    >>> monitor = ConformalMonitor(model, reference=((0.0,) * 90 + (1.0,) * 10,))
    >>> state, run = monitor.run(monitor.start(), [0] * 40 + [1] * 6)
    >>> run.alarms.tolist(), run.onsets.tolist()
    ([44], [40])
    """

    kind = "conformal"
    model: CellMonitor
    reference: tuple[tuple[float, ...], ...] = ((),)
    key: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.reference) <= _MOST_STRATA or not 0 <= self.key < 2**52:
            raise ValueError(f"need 1 to {_MOST_STRATA} strata and a key below 2**52, got {len(self.reference)} strata")
        low, high, whole = self.model.limits
        for x in (x for stratum in self.reference for x in stratum):
            if not (math.isfinite(x) and low <= x <= high and not (whole and x != math.floor(x))):
                raise ValueError(f"reference value {x} is no value of a {self.model.kind} monitor")

    @property
    def width(self) -> int:
        return 1 if len(self.reference) == 1 else 2

    def _seal(self) -> Sealed:
        made = self.model.cells()
        params = np.concatenate(([float(self.key)], made.levels))
        limits = (*self.model.limits, 0.0, len(self.reference) - 1.0, 1.0)
        return seal(
            RANK,
            made.table,
            self.model.run_length,
            limits=limits,
            edges=made.edges,
            params=params,
            weights=made.weights,
        )

    def _memory(self) -> Floats:
        edges = self.sealed.edges
        counts = np.zeros((len(self.reference), edges.size + 1))
        for stratum, values in enumerate(self.reference):
            for x in values:
                counts[stratum, find_cell(x, edges)] += 1.0
        return np.concatenate(([0.0], counts.ravel()))

    def draw(self, u: float) -> Observation:
        x = self.model.draw(u)
        return x if self.width == 1 else np.array([x, float(int(u * 2**20) % len(self.reference))])

    @classmethod
    def examples(cls) -> Sequence[Self]:
        binary = BinaryMonitor(0.3, 200.0, Direction.UP)
        positive = PositiveMonitor.log_normal(6.0, 0.35, 200.0)
        return cls(binary, ((0.0,) * 30 + (1.0,) * 10,)), cls(positive), cls(positive, ((5.0,), (6.0,)), key=7)
