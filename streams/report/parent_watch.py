"""What a report remembers of the layers across tenants, and of tenants, while a log runs."""

import numpy as np

from homeostat.schemas.cohort import Layer
from homeostat.streams.report.parents import ParentReading, ParentSums
from homeostat.streams.report.series import Series

MOST_CELLS = 1_500_000
_NOTHING = ParentSums(0, 0.0, 0, 0.0, 0.0, 0.0)


class ParentWatch:
    """Samples parent cohorts into one series; what is expected is the members' own baselines, without bounds.

    The platform and specialties come before tenants; `left_out` tenants found no room.
    """

    def __init__(self) -> None:
        self.series: Series | None = None
        self.columns: dict[str, int] = {}
        self.rows: dict[str, int] = {}
        self.left_out: set[str] = set()
        self._before: dict[str, tuple[int, dict[str, ParentSums]]] = {}

    def sample(self, now_ms: int, readings: list[ParentReading], threshold: float) -> None:
        """Take a sample if one is due."""
        if not readings:
            return
        if self.series is None:
            self.series = Series(16, MOST_CELLS)
        if not self.series.is_due(now_ms):
            return
        self.series.begin(now_ms)
        for reading in sorted(readings, key=lambda each: each.cohort.layer is Layer.TENANT):
            key = reading.cohort.key
            last, before = self._before.get(key, (-1, {}))
            if last != reading.last_bucket and self._find_row(key) is not None:
                columns = dict(reading.columns())
                self._add(key, columns, before, threshold)
                self._before[key] = (reading.last_bucket, columns)

    def _find_row(self, key: str) -> int | None:
        assert self.series is not None
        if key not in self.rows:
            if self.series.rows >= self.series.row_limit:
                self.left_out.add(key)
                return None
            self.rows[key] = self.series.add_row()
        return self.rows[key]

    def _add(self, key: str, columns: dict[str, ParentSums], before: dict[str, ParentSums], threshold: float) -> None:
        assert self.series is not None
        for name in columns:
            self.columns.setdefault(name, len(self.columns))
        self.series.add_columns(len(self.columns))
        places = np.array([self.columns[name] for name in columns], np.int64)
        now = np.array(list(columns.values()), np.float64)
        gone = np.array([before.get(name, _NOTHING) for name in columns], np.float64)
        sessions, total, bet, expected = (now - gone).T[:4]
        sums = np.stack([sessions, total, bet, expected, expected, expected])[:, None, :]
        peaks = (now.T[4:] / threshold)[:, None, :]
        self.series.add(np.array([self.rows[key]], np.int64), places, sums, peaks)
