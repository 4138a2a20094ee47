"""What a report remembers of the leaves while a log runs: samples over time, and which slots are whose."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.streams.report.leaves import Floats, Ints, LeafReader, Readout
from homeostat.streams.report.series import DOWN, MOST_CELLS, UP, Series

Number = TypeVar("Number", np.int64, np.float64)


class LeafWatch:
    """Samples every leaf of every partition into one series; a row a leaf, a column a watched column.

    Where there are more leaves than rows, the first ones have them, and a leaf that alarms takes the row of the least
    busy that has not: `left_out` leaves have none, `since_ms` says from when on a row was its leaf's.
    """

    def __init__(self, readers: Sequence[LeafReader], most_cells: int = MOST_CELLS) -> None:
        self.readers = readers
        self._most_cells = most_cells
        self.series: Series | None = None
        self.columns: dict[str, int] = {}
        self.rows: dict[LeafKey, int] = {}
        self.since_ms: dict[LeafKey, int] = {}
        self.left_out: set[LeafKey] = set()
        self._kept: set[LeafKey] = set()
        self._before = [(np.zeros((0, 0), np.int64), np.zeros((0, 0))) for _ in readers]
        self._names: list[tuple[str, ...]] = [()] * len(readers)

    def sample(self, now_ms: int) -> None:
        """Take a sample if one is due."""
        if all(reader.world is None for reader in self.readers):
            return
        if self.series is None:
            self.series = Series(max(len(reader.specs) for reader in self.readers), self._most_cells)
        if not self.series.is_due(now_ms):
            return
        self.series.begin(now_ms)
        for number, reader in enumerate(self.readers):
            if reader.world is not None:
                self._sample_one(number, reader, self.series, now_ms)

    def keep(self, leaf: LeafKey, now_ms: int) -> int | None:
        """The row of a leaf that has alarmed: from now on nobody takes it away; None before the first sample."""
        self._kept.add(leaf)
        if leaf in self.rows or self.series is None:
            return self.rows.get(leaf)
        others = {row: each for each, row in self.rows.items() if each not in self._kept}
        least: int | None = next((row for row in self.series.busiest()[::-1].tolist() if row in others), None)
        if least is None:
            return None
        self.left_out.add(others[least])
        self.left_out.discard(leaf)
        del self.rows[others[least]]
        self.series.forget_row(least)
        self.rows[leaf], self.since_ms[leaf] = least, now_ms
        return least

    def _sample_one(self, number: int, reader: LeafReader, series: Series, now_ms: int) -> None:
        readout, places = reader.read(), self._place_columns(number, reader, series)
        rows = np.array([self._row_of(leaf, series, now_ms) for leaf in reader.leaves()], np.int64)
        sums = _since(readout, *self._before[number])
        self._before[number] = (readout.sessions, readout.totals)
        assert reader.policy is not None
        evidence = readout.evidence / reader.policy.budget.alarm_threshold
        moved = (rows >= 0) & (sums[0].any(axis=1) | evidence.any(axis=(1, 2)))
        series.add(rows[moved], places, sums[:, moved], evidence[moved].transpose(2, 0, 1))

    def _place_columns(self, number: int, reader: LeafReader, series: Series) -> Ints:
        names = tuple(spec.name for spec in reader.specs)
        if names != self._names[number]:
            for name in names:
                self.columns.setdefault(name, len(self.columns))
            series.add_columns(len(self.columns))
            before = self._names[number]
            kept = [before.index(name) if name in before else -1 for name in names]
            sessions, totals = self._before[number]
            self._before[number] = (_take(sessions, kept), _take(totals, kept))
            self._names[number] = names
        return np.array([self.columns[name] for name in names], np.int64)

    def _row_of(self, leaf: LeafKey, series: Series, now_ms: int) -> int:
        row = self.rows.get(leaf)
        if row is not None:
            return row
        if series.rows >= series.row_limit:
            self.left_out.add(leaf)
            return -1
        self.since_ms[leaf] = now_ms
        self.rows[leaf] = series.add_row()
        return self.rows[leaf]


def direction_field(is_up: bool) -> int:
    """The field of the evidence in a direction."""
    return UP if is_up else DOWN


def _since(now: Readout, sessions: Ints, totals: Floats) -> Floats:
    """Sums [field, slot, column] of what came since; what has become less was begun anew."""
    grown = np.zeros_like(now.sessions), np.zeros_like(now.totals)
    grown[0][: len(sessions)], grown[1][: len(totals)] = sessions, totals
    came = now.sessions - grown[0]
    came = np.where(came < 0, 0, came).astype(np.float64)
    total = np.where(came > 0, now.totals - grown[1], 0.0)
    referenced = np.where(now.reference[:, :, 0] > 0, came, 0.0)
    bounds = [referenced * now.reference[:, :, part] for part in (1, 2, 3)]
    return np.stack([came, total, referenced, *bounds])


def _take(values: NDArray[Number], columns: Sequence[int]) -> NDArray[Number]:
    """Columns by their old places, −1 for a column of zeros."""
    wide = np.zeros((len(values), values.shape[1] + 1), values.dtype)
    wide[:, :-1] = values
    return wide[:, list(columns)]
