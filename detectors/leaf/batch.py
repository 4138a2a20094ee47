"""A batch: rows for the kernel, packed as records are read; traces come as text, to be scanned together."""

import struct

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import (
    CODE,
    COLUMNS,
    EVENT_BYTES,
    NOT_COUNTED,
    TEXT_AT,
    VALUE_BYTES,
    Bytes,
    Ints,
)
from homeostat.detectors.leaf.ids import NumberedId
from homeostat.schemas.log import Record

ROWS = 1024
_GIVEN = EVENT_BYTES + 1
_PACK_GIVEN = struct.Struct(f"={_GIVEN}q").pack_into
_PACK_REST = struct.Struct(f"={COLUMNS - TEXT_AT}q").pack_into
_ROW_BYTES, _REST_BYTES = 8 * COLUMNS, 8 * TEXT_AT
NO_ID = NumberedId(0, 0, 0)


class Batch:
    """Up to `ROWS` rows of int64 columns (see `arrays`) and of values by signal, nan for none.

    `texts` holds value and event id of each row that came as text, in turn, and `sources` their records.
    """

    def __init__(self, signals: int) -> None:
        self._bytes = bytearray(ROWS * _ROW_BYTES)
        self._rows: Ints = np.frombuffer(self._bytes, np.int64).reshape(ROWS, COLUMNS)
        self._values = np.full((ROWS, signals), np.nan)
        self.texts: list[bytes] = []
        self.sources: list[Record] = []
        self.size = 0

    @property
    def rows(self) -> Ints:
        return self._rows[: self.size]

    @property
    def values(self) -> Floats:
        return self._values[: self.size]

    def clear(self) -> None:
        """Begin anew."""
        self.size = 0
        self.texts, self.sources = [], []

    def add_time(self, kind: int, time_ms: int, offset: int, tenant: int = 0, code: int = NOT_COUNTED) -> None:
        """Add a row that says little more than its time."""
        _PACK_GIVEN(self._bytes, self.size * _ROW_BYTES, kind, time_ms, offset, tenant, code, 0, 0)
        self.size += 1

    def add_text(
        self, kind: int, time_ms: int, tenant: int, code: int, record: Record, value: bytes, event_id: bytes
    ) -> None:
        """Add a trace that is still text."""
        size = self.size
        _PACK_GIVEN(
            self._bytes, size * _ROW_BYTES, kind, time_ms, record.offset, tenant, code, len(value), len(event_id)
        )
        self.size = size + 1
        self.texts += (value, event_id)
        self.sources.append(record)

    def fill(
        self,
        row: int,
        slot: int,
        flags: int,
        pair: int,
        release: int,
        remark: int,
        name: NumberedId,
        session: NumberedId,
    ) -> None:
        """Complete a row with what its text or report says; `name` is a trace's, with its tenant."""
        at = row * _ROW_BYTES + _REST_BYTES
        _PACK_REST(self._bytes, at, 0, slot, flags, pair, release, remark, *name, *session)

    def join_text(self) -> Bytes:
        """All text in one array; each row's TEXT_AT says where its own begins."""
        rows = self.rows
        sizes = rows[:, VALUE_BYTES] + rows[:, EVENT_BYTES]
        rows[:, TEXT_AT] = np.cumsum(sizes) - sizes
        return np.frombuffer(b"".join(self.texts), np.uint8)


assert (CODE, TEXT_AT) == (4, _GIVEN), "the given columns come first"
