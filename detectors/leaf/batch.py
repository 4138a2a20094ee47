"""A batch: rows for the kernel, packed as they are read."""

import struct

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import COLUMNS, NOT_COUNTED, Ints

ROWS = 1024
_PACK_ROW = struct.Struct(f"={COLUMNS}q").pack_into
_ROW_BYTES = 8 * COLUMNS


class Batch:
    """Up to `ROWS` rows of int64 columns (see `arrays`) and of values by signal, nan for none."""

    def __init__(self, signals: int) -> None:
        self._rows, self._values = bytearray(ROWS * _ROW_BYTES), bytearray(ROWS * 8 * signals)
        self._all_rows = np.frombuffer(self._rows, np.int64).reshape(ROWS, COLUMNS)
        self._all_values = np.frombuffer(self._values, np.float64).reshape(ROWS, signals)
        self._pack_values = struct.Struct(f"={signals}d").pack_into
        self._value_bytes = 8 * signals
        self.size = 0

    @property
    def rows(self) -> Ints:
        return self._all_rows[: self.size]

    @property
    def values(self) -> Floats:
        return self._all_values[: self.size]

    def add(self, *columns: int) -> None:
        """Add a row without values."""
        _PACK_ROW(self._rows, self.size * _ROW_BYTES, *columns)
        self.size += 1

    def add_time(self, kind: int, time_ms: int, offset: int, tenant: int = 0, code: int = NOT_COUNTED) -> None:
        """Add a row that says little more than its time."""
        self.add(kind, time_ms, offset, 0, 0, 0, tenant, code, -1, -1)

    def add_values(self, values: tuple[float, ...], *columns: int) -> None:
        """Add a row with values."""
        size = self.size
        self._pack_values(self._values, size * self._value_bytes, *values)
        _PACK_ROW(self._rows, size * _ROW_BYTES, *columns)
        self.size = size + 1
