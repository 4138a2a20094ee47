"""Duplicates: trace ids seen lately, in a window bounded in time and entries."""

from collections.abc import Iterator, Mapping

import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import Ints, SeenArrays
from homeostat.detectors.leaf.rows import copy_ring, read_rows
from homeostat.detectors.leaf.tables import SEEDS, SEGMENT_IDS, add_seen, index_seen
from homeostat.schemas.errors import StateCorrupt

_STATE_VERSION = 1
_PREFIX = b"dedupe/"
_LEAST_ROWS = 2 * SEGMENT_IDS


class DedupeWindow:
    """Ids in segments of 512, oldest first. An id counts as seen for `window_ms` of log time after it was added.

    When more than `max_entries` are kept, the oldest segment is forgotten. The kernel adds them (`tables.add_seen`).
    """

    def __init__(self, window_ms: int, max_entries: int, seeds: Ints = SEEDS) -> None:
        self.window_ms, self.max_entries = window_ms, max_entries
        self._seeds = seeds
        self.arrays = _new_arrays(_LEAST_ROWS)
        self._written_from, self._written_to, self._written_count = 0, -1, -1

    def __len__(self) -> int:
        first, following, _ = self.arrays.marks.tolist()
        return int(following - first)

    def add(self, name: Ints, now_ms: int) -> bool:
        """Note an id (int64 [high, low, tenant and form]); False when it was seen within the window."""
        self.make_room(1)
        return add_seen(name, now_ms, self.window_ms, self.max_entries, self._seeds, self.arrays)

    def make_room(self, count: int) -> None:
        """Grow until `count` more ids have rows; called before the kernel adds those of a batch."""
        rows, needed = self.arrays.time_ms.shape[0], len(self) + count
        if needed <= rows:
            return
        while rows < needed:
            rows *= 2
        grown = _new_arrays(rows)
        first, following, _ = self.arrays.marks.tolist()
        copy_ring(self.arrays[:2], grown[:2], first, following)
        grown.marks[:] = self.arrays.marks
        self.arrays = grown
        index_seen(self._seeds, grown)

    def forget(self, now_ms: int) -> None:
        """Drop the segments whose ids have all left the window."""
        marks, rows = self.arrays.marks, self.arrays.time_ms.shape[0] - 1
        while marks[1] - marks[0] >= SEGMENT_IDS:
            if self.arrays.time_ms[(marks[0] + SEGMENT_IDS - 1) & rows] + self.window_ms > now_ms:
                return
            marks[0] += SEGMENT_IDS

    def state_records(self) -> dict[bytes, bytes]:
        """One record a segment, keys beginning with `dedupe/`."""
        return {_key(number): self._encode(number) for number in self._segments()}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Segments added to or dropped since the last call."""
        segments, count = self._segments(), int(self.arrays.marks[1])
        for number in range(self._written_from, min(segments.start, self._written_to + 1)):
            yield _key(number), None
        if count != self._written_count:
            for number in range(max(segments.start, self._written_to), segments.stop):
                yield _key(number), self._encode(number)
        self._written_from, self._written_to, self._written_count = segments.start, segments.stop - 1, count

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `dedupe/`. Raises `StateCorrupt`."""
        keys = sorted(key for key in records if key.startswith(_PREFIX))
        if not keys:
            return
        first = int(keys[0].removeprefix(_PREFIX))
        if keys != [_key(first + i) for i in range(len(keys))]:
            raise StateCorrupt("segments of the dedupe window are missing")
        self.arrays.marks[:2] = first * SEGMENT_IDS
        for key in keys:
            self._decode(unframe(records[key], _STATE_VERSION))
        index_seen(self._seeds, self.arrays)
        self._written_from, self._written_to = first, first + len(keys) - 1
        self._written_count = int(self.arrays.marks[1])

    def _segments(self) -> range:
        """Numbers of the segments kept, with the one that is being filled."""
        first, following, _ = self.arrays.marks.tolist()
        return range(first // SEGMENT_IDS, following // SEGMENT_IDS + 1)

    def _rows(self, number: int) -> slice:
        at = number * SEGMENT_IDS
        first = at & (self.arrays.time_ms.shape[0] - 1)
        return slice(first, first + min(SEGMENT_IDS, int(self.arrays.marks[1]) - at))

    def _encode(self, number: int) -> bytes:
        rows = self._rows(number)
        return frame(self.arrays.time_ms[rows].tobytes() + self.arrays.name[rows].tobytes(), _STATE_VERSION)

    def _decode(self, body: bytes) -> None:
        count, rest = divmod(len(body), 4 * 8)
        if rest or count > SEGMENT_IDS:
            raise StateCorrupt(f"a dedupe segment of {len(body)} bytes")
        self.make_room(count)
        number = int(self.arrays.marks[1]) // SEGMENT_IDS
        self.arrays.marks[1] += count
        rows = self._rows(number)
        read_rows(body, [self.arrays.time_ms[rows], self.arrays.name[rows]])


def _new_arrays(rows: int) -> SeenArrays:
    return SeenArrays(
        name=np.zeros((rows, 3), np.int64),
        time_ms=np.zeros(rows, np.int64),
        table=np.zeros(4 * rows, np.int64),
        marks=np.zeros(3, np.int64),
    )


def _key(number: int) -> bytes:
    return b"%b%016d" % (_PREFIX, number)
