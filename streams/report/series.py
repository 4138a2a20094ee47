"""Series over time of many cohorts and columns in bounded memory: when they are full, every two samples become one."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Shorts = NDArray[np.float32]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SESSIONS, TOTAL, REFERENCED, MEAN, LOWER, UPPER = range(6)
"""What is added up over an interval: sessions and their sum; those with a baseline, and the sums of its mean and bounds
over them."""
UP, DOWN = 6, 7
"""What is kept as the largest: evidence ÷ threshold in both directions."""
_FIELDS, _SUMS = 8, 6
MOST_SAMPLES: Final = 192
MOST_CELLS: Final = 6_000_000


class Sample(NamedTuple):
    """One interval of one column of a row, up to `until_ms`."""

    until_ms: int
    sessions: float
    total: float
    referenced: float
    mean: float
    lower: float
    upper: float
    up: float
    down: float


class Series:
    """Samples [field, sample, row, column] of at most `MOST_SAMPLES` intervals; `until_ms` are their ends.

    It asks for a sample when `is_due`: intervals begin at one tick and double when the samples are halved. `row_limit`
    rows fit into `MOST_CELLS`.
    """

    def __init__(self, columns: int, most_cells: int = MOST_CELLS, most_samples: int = MOST_SAMPLES) -> None:
        self._most = most_samples
        self.columns = columns
        self.rows = 0
        self.row_limit = max(1, most_cells // (most_samples * max(1, columns)))
        self.until_ms: list[int] = []
        self._step_ms = 1
        self._cells: Shorts = np.zeros((_FIELDS, most_samples, 16, columns), np.float32)

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time for the next sample."""
        return not self.until_ms or now_ms >= self.until_ms[-1] + self._step_ms

    def add_row(self) -> int:
        """A new row, empty for all samples taken."""
        if self.rows == self._cells.shape[2]:
            self._widen(2 * self.rows, self.columns)
        self.rows += 1
        return self.rows - 1

    def add_columns(self, columns: int) -> None:
        """Make room for columns up to this number."""
        if columns > self.columns:
            self._widen(self._cells.shape[2], columns)
            self.columns = columns

    def forget_row(self, row: int) -> None:
        """Empty a row, for another cohort to use."""
        self._cells[:, :, row] = 0.0

    def begin(self, now_ms: int) -> None:
        """Begin the sample that ends now."""
        if len(self.until_ms) == self._most:
            self._halve()
        self.until_ms.append(now_ms)

    def add(self, rows: Ints, columns: Ints, sums: Floats, peaks: Floats) -> None:
        """Add sums [field, row, column] to the sample begun last, and raise its evidence to `peaks` [2, row, column].

        A row that is named twice gets both.
        """
        cells, where = self._cells[:, len(self.until_ms) - 1], (rows[:, None], columns[None, :])
        for field in range(_SUMS):
            np.add.at(cells[field], where, sums[field])
        for side in range(_FIELDS - _SUMS):
            np.maximum.at(cells[_SUMS + side], where, peaks[side])

    def peak(self, row: int, column: int, field: int, value: float) -> None:
        """Let one evidence of the sample begun last be at least `value`; nothing before the first sample."""
        if self.until_ms:
            cell = self._cells[field, len(self.until_ms) - 1]
            cell[row, column] = max(cell[row, column], value)

    def of(self, row: int, column: int) -> list[Sample]:
        """The samples of one column of a row, oldest first."""
        cells = self._cells[:, : len(self.until_ms), row, column].T.tolist()
        return [Sample(until_ms, *cell) for until_ms, cell in zip(self.until_ms, cells, strict=True)]

    def strip(self, row: int) -> list[float]:
        """The largest evidence over all columns of a row, by sample."""
        cells = self._cells[_SUMS:, : len(self.until_ms), row]
        return cells.max(axis=(0, 2), initial=0.0).tolist()  # type: ignore[no-any-return] # numpy says Any

    def totals(self, row: int) -> Floats:
        """Sums over all samples [field, column] of a row."""
        sums: Floats = self._cells[:_SUMS, : len(self.until_ms), row].sum(axis=1, dtype=np.float64)
        return sums

    def latest(self, row: int, since_ms: int) -> Floats:
        """Sums [field, column] over the samples of a row that end after a time."""
        chosen = np.array([until > since_ms for until in self.until_ms], bool)
        sums: Floats = self._cells[:_SUMS, : len(self.until_ms), row][:, chosen].sum(axis=1, dtype=np.float64)
        return sums

    def busiest(self) -> NDArray[np.int64]:
        """Rows by their sessions, most first."""
        sessions = self._cells[SESSIONS, : len(self.until_ms), : self.rows].max(axis=2, initial=0.0).sum(axis=0)
        return np.argsort(-sessions, kind="stable")

    def _halve(self) -> None:
        half = self._most // 2
        pairs = self._cells.reshape(_FIELDS, half, 2, *self._cells.shape[2:])
        merged = np.zeros_like(self._cells)
        merged[:_SUMS, :half] = pairs[:_SUMS].sum(axis=2)
        merged[_SUMS:, :half] = pairs[_SUMS:].max(axis=2)
        self._cells = merged
        self.until_ms = self.until_ms[1::2]
        self._step_ms = max(2 * self._step_ms, (self.until_ms[-1] - self.until_ms[0]) // max(1, half - 1))

    def _widen(self, rows: int, columns: int) -> None:
        wide = np.zeros((_FIELDS, self._most, rows, columns), np.float32)
        wide[:, :, : self._cells.shape[2], : self._cells.shape[3]] = self._cells
        self._cells = wide
