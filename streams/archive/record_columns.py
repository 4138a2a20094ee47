"""Records of a file as contiguous columns; objects are made when they are asked for."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from homeostat.schemas.log import LogRecord


class RecordColumns:
    """Records as contiguous columns (keys, values, headers) and the order of their offsets; objects only when asked."""

    def __init__(self, table: pa.Table, first: int) -> None:
        """Take the rows of a file's table from offset `first` on."""
        table = table.combine_chunks()
        self.offsets = _numbers(table["offset"])
        self.timestamps = _numbers(table["timestamp"].cast(pa.int64()))
        order = np.argsort(self.offsets, kind="stable")
        self.order: NDArray[np.int64] = order[np.searchsorted(self.offsets[order], first) :]
        self._keys, self._values = _Bytes(_only(table["key"])), _Bytes(_only(table["value"]))
        lists = _only(table["headers"])
        pairs = lists.values
        self._header_ends: NDArray[np.int32] = lists.offsets.to_numpy()
        names = pairs.field(0).dictionary_encode()
        self._names: list[str] = names.dictionary.to_pylist()
        self._name_of: NDArray[np.int32] = names.indices.to_numpy()
        self._header_values = _Bytes(pairs.field(1))

    def __len__(self) -> int:
        return len(self.order)

    def records(self, first: int, end: int) -> list[LogRecord]:
        """The records at these places of the order; headers without a value are left out, as by every reader here."""
        rows = self.order[first:end]
        offsets, times = self.offsets[rows].tolist(), self.timestamps[rows].tolist()
        keys, values = self._keys.take(rows), self._values.take(rows)
        return list(map(LogRecord, offsets, times, keys, values, self._headers(rows)))

    def _headers(self, rows: NDArray[np.int64]) -> list[list[tuple[str, bytes]]]:
        begins, ends = self._header_ends[rows].astype(np.int64), self._header_ends[rows + 1].astype(np.int64)
        counts = ends - begins
        last = np.cumsum(counts)
        places = np.arange(last[-1] if len(last) else 0) + np.repeat(begins - (last - counts), counts)
        known = self._names
        names = [known[number] for number in self._name_of[places].tolist()]
        pairs: list[Any] = list(zip(names, self._header_values.take(places), strict=True))
        if self._header_values.has_nulls:
            return [[pair for pair in pairs[a:b] if pair[1] is not None] for a, b in pairwise([0, *last.tolist()])]
        return [pairs[a:b] for a, b in pairwise([0, *last.tolist()])]


class _Bytes:
    """A binary column as one text and the places in it."""

    def __init__(self, column: pa.Array) -> None:
        _, places, data = column.buffers()
        ends = np.frombuffer(places, np.int32)[column.offset : column.offset + len(column) + 1]
        self._text = b"" if data is None else data.to_pybytes()
        self._begins, self._ends = ends[:-1], ends[1:]
        self.has_nulls = column.null_count > 0
        self._null: NDArray[np.bool_] | None = (
            column.is_null().to_numpy(zero_copy_only=False) if self.has_nulls else None
        )

    def take(self, rows: NDArray[np.int64]) -> list[bytes | None]:
        """The entries of these rows."""
        text = self._text
        places = zip(self._begins[rows].tolist(), self._ends[rows].tolist(), strict=True)
        if self._null is None:
            return [text[a:b] for a, b in places]
        return [None if gone else text[a:b] for gone, (a, b) in zip(self._null[rows].tolist(), places, strict=True)]


def _numbers(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(_only(column).to_numpy(), np.int64)


def _only(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
