"""A batch: rows for the kernel, packed as records are read; traces come as text, to be scanned together."""

import struct

import numpy as np

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import (
    CODE,
    COLUMNS,
    EVENT_BYTES,
    NOT_COUNTED,
    OFFSET,
    SLOT,
    TEXT_AT,
    VALUE_BYTES,
    Bytes,
    Ints,
)
from homeostat.detectors.leaf.ids import NumberedId

ROWS = 1024
_PACK_GIVEN = struct.Struct(f"={SLOT}q").pack_into
_PACK_REST = struct.Struct(f"={COLUMNS - SLOT}q").pack_into
_ROW_BYTES, _REST_BYTES = 8 * COLUMNS, 8 * SLOT
_FIRST_ROOM = 1 << 16
NO_ID = NumberedId(0, 0, 0)


class Batch:
    """Up to `ROWS` rows of int64 columns (see `arrays`) and of values by signal, nan for none.

    `text` (uint8; the same bytes as `raw`) holds event id and value, in turn, of each row that came as text: its
    TEXT_AT says where its value begins.
    """

    def __init__(self, signals: int) -> None:
        self._bytes = bytearray(ROWS * _ROW_BYTES)
        self._rows: Ints = np.frombuffer(self._bytes, np.int64).reshape(ROWS, COLUMNS)
        self._values = np.full((ROWS, signals), np.nan)
        self.size = self._text_end = 0
        self._hold(bytearray(_FIRST_ROOM))

    @property
    def rows(self) -> Ints:
        return self._rows[: self.size]

    @property
    def values(self) -> Floats:
        return self._values[: self.size]

    def clear(self) -> None:
        """Begin anew."""
        self.size = self._text_end = 0

    def room(self, rows: int) -> Ints:
        """The rows after the last."""
        return self._rows[self.size : self.size + rows]

    def keep(self, rows: int) -> None:
        """Count rows that were filled in their room, and their text."""
        if rows:
            self.size += rows
            last = self._rows[self.size - 1]
            self._text_end = int(last[TEXT_AT] + last[VALUE_BYTES])

    def make_room(self, size: int) -> int:
        """Make room for as many bytes of text; the position where they begin."""
        needed = self._text_end + size
        if needed > self.text.shape[0]:
            held = bytes(self.raw[: self._text_end])
            self._hold(bytearray(held.ljust(max(needed, 2 * self.text.shape[0]), b"\0")))
        return self._text_end

    def add_time(self, kind: int, time_ms: int, offset: int, tenant: int = 0, code: int = NOT_COUNTED) -> None:
        """Add a row that says little more than its time."""
        _PACK_GIVEN(self._bytes, self.size * _ROW_BYTES, kind, time_ms, offset, tenant, code, 0, 0, 0)
        self.size += 1

    def add_text(
        self, kind: int, time_ms: int, offset: int, tenant: int, code: int, value: bytes, event_id: bytes
    ) -> None:
        """Add a trace that is still text."""
        at = self.make_room(len(event_id) + len(value)) + len(event_id)
        self._text_end = at + len(value)
        self.raw[at - len(event_id) : self._text_end] = event_id + value
        _PACK_GIVEN(
            self._bytes, self.size * _ROW_BYTES, kind, time_ms, offset, tenant, code, len(value), len(event_id), at
        )
        self.size += 1

    def text_of(self, row: int) -> tuple[bytes, bytes]:
        """(value, event id) of a row that came as text."""
        at, size, event_bytes = self._rows[row, [TEXT_AT, VALUE_BYTES, EVENT_BYTES]].tolist()
        return bytes(self.raw[at : at + size]), bytes(self.raw[at - event_bytes : at])

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
        part: int = 0,
        work_ms: int = 0,
    ) -> None:
        """Complete a row with what its text or report says; `name` is a trace's, with its tenant."""
        at = row * _ROW_BYTES + _REST_BYTES
        _PACK_REST(self._bytes, at, slot, flags, pair, release, remark, *name, *session, part, work_ms)

    def _hold(self, content: bytearray) -> None:
        self.raw = memoryview(content)
        self.text: Bytes = np.frombuffer(content, np.uint8)


assert (OFFSET, CODE, EVENT_BYTES, TEXT_AT) == (2, 4, SLOT - 2, SLOT - 1), "the given columns come first"
