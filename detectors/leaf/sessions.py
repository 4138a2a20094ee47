"""Sessions: the unit of sampling. Rows in order of opening, found by cohort and session id, kept until forgotten."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import CHUNK, Ints, SessionArrays
from homeostat.detectors.leaf.rows import copy_ring, read_rows, take_columns
from homeostat.detectors.leaf.tables import SEEDS, index_sessions
from homeostat.schemas.errors import StateCorrupt

_STATE_VERSION = 2
_PREFIX = b"sessions/"
_FIXED_ROWS = ("opened_ms", "mark", "records", "flags", "part", "lane", "name")
_NARROW_SUM, _NARROW_COUNT = 2**31, 2**8
_BY_ROW = SessionArrays._fields.index("chunk_dirty")


class _Head(msgspec.Struct, array_like=True):
    """Names of a chunk: cohorts and pairings once each, then the cohort and pairing of each session by place.

    `narrow` sums are int32 and counts uint8, where all of the chunk fit.
    """

    narrow: bool
    cohorts: list[str]
    pairs: list[str]
    cohort_of: list[int]
    pair_of: list[int]


_HEADS = msgspec.json.Decoder(_Head)


def new_arrays(capacity: int, signals: int) -> SessionArrays:
    """Rows for `capacity` sessions, a power of two and a multiple of CHUNK."""
    return SessionArrays(
        slot=np.zeros(capacity, np.int32),
        part=np.zeros(capacity, np.uint8),
        lane=np.zeros(capacity, np.uint8),
        flags=np.zeros(capacity, np.uint8),
        pair=np.full(capacity, -1, np.int32),
        records=np.zeros(capacity, np.int32),
        opened_ms=np.zeros(capacity, np.int64),
        mark=np.zeros(capacity, np.int64),
        sums=np.zeros((capacity, signals), np.int64),
        counts=np.zeros((capacity, signals), np.int32),
        name=np.zeros((capacity, 3), np.int64),
        chunk_dirty=np.zeros(capacity // CHUNK, np.uint8),
        table=np.zeros(4 * capacity, np.int64),
        marks=np.zeros(2, np.int64),
    )


class SessionStore:
    """Positions count sessions since the beginning; those from `base`, a multiple of CHUNK, to `tail` are kept.

    The kernel opens sessions, finds them (`tables.place_of_session`) and writes their rows.
    """

    def __init__(self, signals: int, seeds: Ints = SEEDS) -> None:
        self._seeds = seeds
        self.arrays = new_arrays(8 * CHUNK, signals)
        self.tail = 0
        self._written: set[int] = set()

    @property
    def base(self) -> int:
        return int(self.arrays.marks[0])

    def make_room(self, count: int) -> None:
        """Grow until `count` more sessions have rows; called before the kernel opens those of a batch."""
        capacity, base = self.arrays.slot.shape[0], self.base
        larger = capacity
        while self.tail + count - base > larger:
            larger *= 2
        if larger == capacity:
            return
        chunks = self._chunks()
        grown = new_arrays(larger, self.arrays.sums.shape[1])
        copy_ring(self.arrays[:_BY_ROW], grown[:_BY_ROW], base, self.tail)
        copy_ring((self.arrays.chunk_dirty,), (grown.chunk_dirty,), chunks.start, chunks.stop)
        grown.marks[:] = self.arrays.marks
        self.arrays = grown
        index_sessions(self.tail, self._seeds, grown)

    def forget(self, now_ms: int, remembered_ms: int) -> None:
        """Drop the chunks whose sessions are all forgotten."""
        mask, base = self.arrays.slot.shape[0] - 1, self.base
        while self.tail - base >= CHUNK:
            if self.arrays.opened_ms[(base + CHUNK - 1) & mask] + remembered_ms > now_ms:
                break
            self.arrays.chunk_dirty[(base & mask) // CHUNK] = 0
            base += CHUNK
        self.arrays.marks[0] = base

    def next_due_ms(self, close: int, tail: int, session_ms: int) -> int | None:
        """When the session at position `close` is due; None when all that the kernel has opened are closed."""
        if close >= tail:
            return None
        return int(self.arrays.opened_ms[close & (self.arrays.slot.shape[0] - 1)]) + session_ms

    def recolumn(self, columns: Sequence[int], keeps_parts: bool = True) -> None:
        """Take over another registry: for each new column the old one, or −1; other parts begin with the first."""
        if not keeps_parts:
            self.arrays.part[:] = 0
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
                self.arrays.marks[0] = self.tail = chunk * CHUNK
            if self.tail != chunk * CHUNK:
                raise StateCorrupt(f"the chunk of sessions before {chunk} is missing")
            self._decode(unframe(records[key], _STATE_VERSION), cohorts, pairs)
            self._written.add(chunk)
        index_sessions(self.tail, self._seeds, self.arrays)

    def begin_at(self, position: int) -> None:
        """Go on after this many sessions, none of which is kept."""
        self.arrays.marks[0] = self.tail = position

    def _chunks(self) -> range:
        return range(self.base // CHUNK, (self.tail + CHUNK - 1) // CHUNK)

    def _rows(self, chunk: int) -> slice:
        first = (chunk * CHUNK) & (self.arrays.slot.shape[0] - 1)
        return slice(first, first + min(CHUNK, self.tail - chunk * CHUNK))

    def _encode(self, chunk: int, cohorts: Callable[[int], str], pairs: Callable[[int], str]) -> bytes:
        rows = self._rows(chunk)
        named, cohort_of = _number(self.arrays.slot[rows], cohorts)
        paired, pair_of = _number(self.arrays.pair[rows], pairs)
        sums, counts = self.arrays.sums[rows], self.arrays.counts[rows]
        narrow = bool(sums.max(initial=0) < _NARROW_SUM and counts.max(initial=0) < _NARROW_COUNT)
        if narrow:
            sums, counts = sums.astype(np.int32), counts.astype(np.uint8)
        head = msgspec.json.encode(_Head(narrow, named, paired, cohort_of, pair_of))
        fixed = [getattr(self.arrays, name)[rows].tobytes() for name in _FIXED_ROWS]
        return frame(b"".join((head, b"\n", *fixed, sums.tobytes(), counts.tobytes())), _STATE_VERSION)

    def _decode(self, data: bytes, cohorts: Callable[[str], int], pairs: Callable[[str], int]) -> None:
        packed, _, body = data.partition(b"\n")
        head = _HEADS.decode(packed)
        first, count = self.tail, len(head.cohort_of)
        self.make_room(count)
        self.tail += count
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


@compiled
def number_rows(rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The distinct values of `rows` (−1 or more) in order of appearance, and each row's place among them."""
    places = np.full(rows.max() + 2 if rows.shape[0] else 0, -1, np.int32)
    distinct, numbers = np.empty(rows.shape[0], np.int32), np.empty(rows.shape[0], np.int32)
    count = 0
    for i in range(rows.shape[0]):
        if places[rows[i] + 1] < 0:
            places[rows[i] + 1] = count
            distinct[count] = rows[i]
            count += 1
        numbers[i] = places[rows[i] + 1]
    return distinct[:count], numbers


def _key(chunk: int) -> bytes:
    return b"%b%016d" % (_PREFIX, chunk)


def _number(rows: NDArray[np.int32], name: Callable[[int], str]) -> tuple[list[str], list[int]]:
    """Distinct names in order of appearance, and each row's place among them."""
    distinct, numbers = number_rows(rows)
    return [name(row) for row in distinct.tolist()], numbers.tolist()
