"""Sessions: the unit of sampling. Rows in order of opening, found by (cohort, session id), kept until forgotten."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import CHUNK, SessionArrays
from homeostat.detectors.leaf.plan import FEEDBACK, WORK
from homeostat.detectors.leaf.rows import copy_ring, read_rows, take_columns
from homeostat.schemas.errors import StateCorrupt

_STATE_VERSION = 1
_PREFIX = b"sessions/"
_FIXED_ROWS = ("opened_ms", "mark", "records", "flags", "lane")
_NARROW_SUM, _NARROW_COUNT = 2**31, 2**8
SessionKey = tuple[int, str]


class _Head(msgspec.Struct, array_like=True):
    """Names of a chunk: cohorts and pairings once each, then a session id, cohort and pairing per session.

    `narrow` sums are int32 and counts uint8, where all of the chunk fit.
    """

    narrow: bool
    cohorts: list[str]
    pairs: list[str]
    ids: list[str]
    cohort_of: list[int]
    pair_of: list[int]


_HEADS = msgspec.json.Decoder(_Head)


def new_arrays(capacity: int, signals: int) -> SessionArrays:
    """Rows for `capacity` sessions, a power of two and a multiple of CHUNK."""
    return SessionArrays(
        slot=np.zeros(capacity, np.int32),
        lane=np.zeros(capacity, np.uint8),
        flags=np.zeros(capacity, np.uint8),
        pair=np.full(capacity, -1, np.int32),
        records=np.zeros(capacity, np.int32),
        opened_ms=np.zeros(capacity, np.int64),
        mark=np.zeros(capacity, np.int64),
        sums=np.zeros((capacity, signals), np.int64),
        counts=np.zeros((capacity, signals), np.int32),
        chunk_dirty=np.zeros(capacity // CHUNK, np.uint8),
    )


class SessionStore:
    """Positions count sessions since the beginning; `base` is the first one kept, a multiple of CHUNK.

    `index` gives position and opening time by lane and (slot, session id). The kernel writes the rows.
    """

    def __init__(self, signals: int) -> None:
        self.arrays = new_arrays(8 * CHUNK, signals)
        self.base = self.tail = 0
        self.index: tuple[dict[SessionKey, tuple[int, int]], dict[SessionKey, tuple[int, int]]] = ({}, {})
        self._keys: deque[list[tuple[int, SessionKey]]] = deque()
        self._written: set[int] = set()

    def open(self, lane: int, key: SessionKey, now_ms: int) -> int:
        """Give the next position to a session that begins now."""
        position = self.tail
        self.tail = position + 1
        self.index[lane][key] = (position, now_ms)
        if position % CHUNK == 0:
            self._keys.append([])
        self._keys[-1].append((lane, key))
        return position

    def make_room(self) -> None:
        """Grow until every kept session has a row; called before the kernel opens those of a batch."""
        capacity = self.arrays.slot.shape[0]
        if self.tail - self.base <= capacity:
            return
        larger = capacity
        while self.tail - self.base > larger:
            larger *= 2
        positions = np.arange(self.base, self.base + capacity)
        chunks = np.arange(self.base // CHUNK, (self.base + capacity) // CHUNK)
        grown = new_arrays(larger, self.arrays.sums.shape[1])
        copy_ring(self.arrays[:-1], grown[:-1], positions)
        copy_ring((self.arrays.chunk_dirty,), (grown.chunk_dirty,), chunks)
        self.arrays = grown

    def forget(self, now_ms: int, remembered_ms: int) -> None:
        """Drop the chunks whose sessions are all forgotten."""
        mask = self.arrays.slot.shape[0] - 1
        while self.tail - self.base >= CHUNK:
            if self.arrays.opened_ms[(self.base + CHUNK - 1) & mask] + remembered_ms > now_ms:
                return
            for position, (lane, key) in enumerate(self._keys.popleft(), self.base):
                if self.index[lane].get(key, (-1, 0))[0] == position:
                    del self.index[lane][key]
            self.arrays.chunk_dirty[(self.base & mask) // CHUNK] = 0
            self.base += CHUNK

    def next_due_ms(self, close: int, tail: int, session_ms: int) -> int | None:
        """When the session at position `close` is due; None when all that the kernel has opened are closed."""
        if close >= tail:
            return None
        return int(self.arrays.opened_ms[close & (self.arrays.slot.shape[0] - 1)]) + session_ms

    def recolumn(self, columns: Sequence[int]) -> None:
        """Take over another registry: for each new column the old one, or −1."""
        sums, counts = (take_columns(array, 1, columns) for array in (self.arrays.sums, self.arrays.counts))
        self.arrays = self.arrays._replace(sums=sums, counts=counts)
        for chunk in self._chunks():
            self.arrays.chunk_dirty[chunk % self.arrays.chunk_dirty.shape[0]] = 1

    def state_records(self, cohorts: Callable[[int], str], pairs: Callable[[int], str]) -> dict[bytes, bytes]:
        """One record a chunk, keys beginning with `sessions/`."""
        return {_key(chunk): self._encode(chunk, cohorts, pairs) for chunk in self._chunks()}

    def drain_changes(
        self, cohorts: Callable[[int], str], pairs: Callable[[int], str]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        """Chunks changed or dropped since the last call."""
        kept, dirty = self._chunks(), self.arrays.chunk_dirty
        for chunk in sorted(chunk for chunk in self._written if chunk not in kept):
            self._written.discard(chunk)
            yield _key(chunk), None
        for chunk in kept:
            if dirty[chunk % dirty.shape[0]]:
                dirty[chunk % dirty.shape[0]] = 0
                self._written.add(chunk)
                yield _key(chunk), self._encode(chunk, cohorts, pairs)

    def restore(
        self, records: Mapping[bytes, bytes], cohorts: Callable[[str], int], pairs: Callable[[str], int]
    ) -> None:
        """Take over the records whose keys begin with `sessions/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_PREFIX)):
            chunk = int(key.removeprefix(_PREFIX))
            if not self._written:
                self.base = self.tail = chunk * CHUNK
            if self.tail != chunk * CHUNK:
                raise StateCorrupt(f"the chunk of sessions before {chunk} is missing")
            self._decode(unframe(records[key], _STATE_VERSION), cohorts, pairs)
            self._written.add(chunk)

    def _chunks(self) -> range:
        return range(self.base // CHUNK, (self.tail + CHUNK - 1) // CHUNK)

    def _rows(self, chunk: int) -> slice:
        first = (chunk * CHUNK) & (self.arrays.slot.shape[0] - 1)
        return slice(first, first + min(CHUNK, self.tail - chunk * CHUNK))

    def _encode(self, chunk: int, cohorts: Callable[[int], str], pairs: Callable[[int], str]) -> bytes:
        rows = self._rows(chunk)
        named, cohort_of = _number(self.arrays.slot[rows], cohorts)
        paired, pair_of = _number(self.arrays.pair[rows], pairs)
        ids = [key[1] for _, key in self._keys[chunk - self.base // CHUNK]]
        sums, counts = self.arrays.sums[rows], self.arrays.counts[rows]
        narrow = bool(sums.max(initial=0) < _NARROW_SUM and counts.max(initial=0) < _NARROW_COUNT)
        if narrow:
            sums, counts = sums.astype(np.int32), counts.astype(np.uint8)
        head = msgspec.json.encode(_Head(narrow, named, paired, ids, cohort_of, pair_of))
        fixed = [getattr(self.arrays, name)[rows].tobytes() for name in _FIXED_ROWS]
        return frame(b"".join((head, b"\n", *fixed, sums.tobytes(), counts.tobytes())), _STATE_VERSION)

    def _decode(self, data: bytes, cohorts: Callable[[str], int], pairs: Callable[[str], int]) -> None:
        packed, _, body = data.partition(b"\n")
        head = _HEADS.decode(packed)
        first, count = self.tail, len(head.ids)
        self.tail += count
        self.make_room()
        rows = self._rows(first // CHUNK)
        slots, rollouts = [cohorts(name) for name in head.cohorts], [pairs(name) for name in head.pairs]
        self.arrays.slot[rows] = [slots[i] for i in head.cohort_of]
        self.arrays.pair[rows] = [rollouts[i] for i in head.pair_of]
        sums, counts = self.arrays.sums[rows], self.arrays.counts[rows]
        read_sums, read_counts = sums.astype(np.int32 if head.narrow else np.int64), counts
        if head.narrow:
            read_counts = counts.astype(np.uint8)
        read_rows(body, [*(getattr(self.arrays, name)[rows] for name in _FIXED_ROWS), read_sums, read_counts])
        sums[...], counts[...] = read_sums, read_counts
        self._keys.append([])
        opened, lanes = self.arrays.opened_ms[rows].tolist(), self.arrays.lane[rows].tolist()
        for i, name in enumerate(head.ids):
            key = (slots[head.cohort_of[i]], name)
            self.index[lanes[i]][key] = (first + i, opened[i])
            self._keys[-1].append((lanes[i], key))


def _key(chunk: int) -> bytes:
    return b"%b%016d" % (_PREFIX, chunk)


def _number(rows: NDArray[np.int32], name: Callable[[int], str]) -> tuple[list[str], list[int]]:
    """Distinct names in order of appearance, and each row's place among them."""
    places: dict[int, int] = {}
    numbers = [places.setdefault(row, len(places)) for row in rows.tolist()]
    return [name(row) for row in places], numbers


assert (WORK, FEEDBACK) == (0, 1), "the index has a place a lane"
