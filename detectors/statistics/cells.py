"""Monitors whose null gives probabilities to cells: a table of likelihood ratios, sealed, known or ranked."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_table import ratios
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import TABLE, Sealed


class Cells(NamedTuple):
    """A null over cells and what is bet against it.

    `edges` ascending [cells − 1]: cell c holds the values from edge c − 1 on to before edge c; `null` probabilities
    [cells]; `alternatives` [K, cells]; `weights` π [K].
    """

    edges: Floats
    null: Floats
    alternatives: Floats
    weights: Floats

    @property
    def levels(self) -> Floats:
        """Cumulative probabilities of the null at the edges."""
        return np.cumsum(self.null)[:-1]

    @property
    def table(self) -> Floats:
        """The e-values, float64 [cell, K]."""
        return ratios(self.alternatives, self.null)


def equal_weights(alternatives: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Stack alternatives into [K, cells] with equal weights [K].

    >>> [part.tolist() for part in equal_weights([np.array([0.5, 0.5])])]
    [[[0.5, 0.5]], [1.0]]
    """
    return np.array(alternatives), np.full(len(alternatives), 1.0 / len(alternatives))


class CellMonitor(Monitor):
    """A monitor that looks its e-values up by cell; `ConformalMonitor` ranks values instead of trusting the null.

    Subclasses are frozen dataclasses with `run_length: float` and their own `limits`.
    """

    run_length: float

    @abstractmethod
    def cells(self) -> Cells:
        """Make the null over cells and its alternatives."""

    @property
    @abstractmethod
    def limits(self) -> tuple[float, float, float]:
        """Lowest and highest value, and 1 for whole numbers only."""

    def _seal(self) -> Sealed:
        made = self.cells()
        params = np.concatenate((made.null, made.table.max(axis=0)))
        return seal(
            TABLE,
            made.table,
            self.run_length,
            limits=self.limits,
            edges=made.edges,
            params=params,
            weights=made.weights,
        )
