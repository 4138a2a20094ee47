"""Records of a file as contiguous columns; objects are made when they are asked for."""

from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.record_index import (
    HEADERS,
    HEADERS_AT,
    KEY_AT,
    KEY_BYTES,
    OFFSET,
    SPAN_COLUMNS,
    TIMESTAMP,
    VALUE_AT,
    VALUE_BYTES,
    Bytes,
    Ints,
)
from homeostat.streams.archive.header_bytes import MOST_LENGTHS, write_headers


class RecordColumns:
    """The rows of a file's table from offset `first` on: offsets, times, keys, values, headers."""

    def __init__(self, table: pa.Table, first: int) -> None:
        table = table.combine_chunks()
        self._offsets = _numbers(table["offset"])
        self._timestamps = _numbers(table["timestamp"].cast(pa.int64()))
        order = np.argsort(self._offsets, kind="stable")
        self._order: Ints = order[np.searchsorted(self._offsets[order], first) :]
        self._key, self._value, self._headers = _only(table["key"]), _only(table["value"]), _only(table["headers"])

    def __len__(self) -> int:
        return len(self._order)

    def block(self) -> RecordBlock:
        """The records in order of their offsets, over one text: keys, values, headers.

        A header without a value has an empty one, as it has for a worker.
        """
        header_bytes, begins, counts = self._encode_headers()
        keys, values = _Bytes(self._key), _Bytes(self._value)
        value_at, headers_at = len(keys.text), len(keys.text) + len(values.text)
        spans = np.empty((len(self._offsets), SPAN_COLUMNS), np.int64)
        spans[:, OFFSET], spans[:, TIMESTAMP] = self._offsets, self._timestamps
        spans[:, KEY_AT], spans[:, KEY_BYTES] = keys.places[:, 0], keys.sizes
        spans[:, VALUE_AT], spans[:, VALUE_BYTES] = value_at + values.places[:, 0], values.sizes
        spans[:, HEADERS_AT], spans[:, HEADERS] = headers_at + begins, counts
        return RecordBlock(b"".join((keys.text, values.text, header_bytes)), spans[self._order])

    def places_with(self, name: str) -> Ints:
        """Where in that order the records are that have a header of this name."""
        found = np.flatnonzero(pc.equal(self._headers.values.field(0), name).to_numpy(zero_copy_only=False))
        rows = np.searchsorted(self._headers.offsets.to_numpy(), found, side="right") - 1
        return np.flatnonzero(np.isin(self._order, rows))

    def _encode_headers(self) -> tuple[memoryview, Ints, Ints]:
        """Their bytes, where each row's begin, and how many each row has."""
        ends = self._headers.offsets.to_numpy().astype(np.int64)
        pairs = self._headers.values
        names, values = pairs.field(0).dictionary_encode(), _Bytes(pairs.field(1))
        known = [name.encode() for name in names.dictionary.to_pylist()]
        name_ends = np.array([0, *accumulate(map(len, known))], np.int64)
        numbers = names.indices.to_numpy().astype(np.int64)
        most = int(np.diff(name_ends)[numbers].sum()) + len(values.text) + MOST_LENGTHS * len(numbers)
        out, begins = np.empty(most, np.uint8), np.empty(len(ends) - 1, np.int64)
        size = write_headers(
            ends, numbers, _as_array(b"".join(known)), name_ends, _as_array(values.text), values.places, begins, out
        )
        return out[:size].data, begins, np.diff(ends)


class _Bytes:
    """A binary column as one text; `places` [row, (from, to)], where `to` is before `from` for none; `sizes`, −1 so."""

    def __init__(self, column: pa.Array) -> None:
        _, ends, data = column.buffers()
        self.text = memoryview(b"") if data is None else memoryview(data)
        bounds = np.frombuffer(ends, np.int32)[column.offset : column.offset + len(column) + 1].astype(np.int64)
        self.places = np.stack((bounds[:-1], bounds[1:]), axis=1)
        self.sizes: Ints = self.places[:, 1] - self.places[:, 0]
        if column.null_count:
            gone = column.is_null().to_numpy(zero_copy_only=False)
            self.sizes[gone] = -1
            self.places[gone, 1] = self.places[gone, 0] - 1


def _as_array(text: bytes | memoryview) -> Bytes:
    return np.frombuffer(text, np.uint8) if len(text) else np.zeros(1, np.uint8)


def _numbers(column: pa.ChunkedArray) -> Ints:
    return np.asarray(_only(column).to_numpy(), np.int64)


def _only(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
