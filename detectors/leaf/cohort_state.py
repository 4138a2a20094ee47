"""Cohorts as state records, many at a time: a core for each, and the segments of its ring that were written."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import SEGMENT, CohortArrays, Ints
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.rows import Array, join_rows, read_rows
from homeostat.schemas.errors import StateCorrupt

if TYPE_CHECKING:
    from homeostat.detectors.leaf.cohorts import CohortStore

CORE: Final = b"cohort/"
RING: Final = b"ring/"
_STATE_VERSION = 5
_NARROW: Final = 2**16
_FIELDS: Final = (
    "moments",
    "evidence",
    "last_ms",
    "reference",
    "slopes",
    "learned",
    "shared",
    "pending",
    "seal_after",
    "seal_seen",
    "seal_sessions",
    "first_ms",
    "centre",
    "ring_count",
    "shared_bucket",
    "tally",
    "release_ms",
    "returning",
    "works",
    "told",
)
_HEADS = msgspec.json.Decoder(tuple[bool, list[str]])


def encode_cores(store: "CohortStore", slots: Ints) -> Iterator[tuple[bytes, bytes]]:
    """The core records of some slots. A histogram is written in 16 bits while its counts fit."""
    fits = store.arrays.histogram[slots].max(axis=(1, 2), initial=0) < _NARROW
    for narrow in (True, False):
        chosen = slots[fits == narrow]
        if not chosen.size:
            continue
        fields = [getattr(store.arrays, name)[chosen] for name in _FIELDS]
        histogram = store.arrays.histogram[chosen]
        rows = join_rows([*fields, histogram.astype(np.uint16) if narrow else histogram])
        heads: dict[tuple[int, ...], bytes] = {}
        releases = store.arrays.releases[chosen].tolist()
        for slot, numbers, row in zip(chosen.tolist(), map(tuple, releases), rows, strict=True):
            if numbers not in heads:
                heads[numbers] = msgspec.json.encode((narrow, store.releases_of(slot))) + b"\n"
            yield CORE + store.names[slot], frame(heads[numbers] + row, _STATE_VERSION)


def decode_core(store: "CohortStore", slot: int, record: bytes) -> None:
    """Fill a slot from its core record. Raises `StateCorrupt`."""
    head, _, body = unframe(record, _STATE_VERSION).partition(b"\n")
    narrow, releases = _HEADS.decode(head)
    for place, release in enumerate(releases):
        store.arrays.releases[slot, place] = store.number_release(release)
    histogram: Array = store.arrays.histogram[slot]
    counts = np.zeros(histogram.shape, np.uint16 if narrow else np.int32)
    read_rows(body, [*(getattr(store.arrays, name)[slot : slot + 1] for name in _FIELDS), counts])
    histogram[...] = counts


def encode_rings(store: "CohortStore", plan: Plan, slots: Ints, since: Ints) -> Iterator[tuple[bytes, bytes]]:
    """The segments of some slots' rings that were written after the row counts `since` [slot, lane]."""
    for lane, columns in enumerate(plan.lane_columns):
        owners, segments = _written_segments(store.arrays, slots, lane, since[slots, lane])
        if not owners.size:
            continue
        places = segments * SEGMENT % store.arrays.ring.shape[1]
        rows = places[:, None] + np.arange(SEGMENT)
        values = store.arrays.ring[owners[:, None], rows][:, :, columns]
        times = store.arrays.ring_ms[owners[:, None], lane, rows]
        ids = store.arrays.ring_id[owners[:, None], lane, rows]
        packed = join_rows([times, ids, values])
        numbers = (places // SEGMENT).tolist()
        for owner, number, row in zip(owners.tolist(), numbers, packed, strict=True):
            yield b"%b%b/%d/%03d" % (RING, store.names[owner], lane, number), frame(row, _STATE_VERSION)


def decode_ring(store: "CohortStore", plan: Plan, name: bytes, record: bytes) -> None:
    """Fill one segment of a cohort's ring. Raises `StateCorrupt`."""
    text, lane, number = name.removeprefix(RING).decode().rsplit("/", 2)
    slot = store.slots.get(LeafKey.parse(text))
    if slot is None:
        raise StateCorrupt(f"a ring without its cohort: {text}")
    columns, at = plan.lane_columns[int(lane)], int(number) * SEGMENT
    values = np.zeros((SEGMENT, columns.stop - columns.start), np.int32)
    rows = slice(at, at + SEGMENT)
    held = [store.arrays.ring_ms[slot, int(lane), rows], store.arrays.ring_id[slot, int(lane), rows], values]
    read_rows(unframe(record, _STATE_VERSION), held)
    store.arrays.ring[slot, rows, columns] = values


def widen_ring(arrays: CohortArrays, plan: Plan, slots: int, rows: int) -> CohortArrays:
    """The same arrays with rings of more rows: each lane's newest values keep their numbers."""
    ring = np.full((arrays.ring.shape[0], rows, arrays.ring.shape[2]), -1, np.int32)
    lanes = len(plan.lane_columns)
    ring_ms = np.zeros((arrays.ring.shape[0], lanes, rows), np.int64)
    ring_id = np.zeros((arrays.ring.shape[0], lanes, rows, 3), np.int64)
    before = arrays.ring.shape[1]
    for slot in range(slots):
        for lane, columns in enumerate(plan.lane_columns):
            count = int(arrays.ring_count[slot, lane])
            kept = np.arange(max(0, count - before), count)
            ring[slot, kept % rows, columns] = arrays.ring[slot, kept % before, columns]
            ring_ms[slot, lane, kept % rows] = arrays.ring_ms[slot, lane, kept % before]
            ring_id[slot, lane, kept % rows] = arrays.ring_id[slot, lane, kept % before]
    return arrays._replace(ring=ring, ring_ms=ring_ms, ring_id=ring_id)


def _written_segments(arrays: CohortArrays, slots: Ints, lane: int, since: Ints) -> tuple[Any, Any]:
    """(slot, segment number) of each segment with rows after `since`, as far back as the ring reaches."""
    counts = arrays.ring_count[slots, lane]
    first = np.maximum(since, counts - arrays.ring.shape[1]) // SEGMENT
    many = np.where(counts > since, (counts + SEGMENT - 1) // SEGMENT - first, 0)
    starts = np.repeat(first, many)
    within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return np.repeat(slots, many), starts + within


def all_slots(keys: Sequence[LeafKey]) -> Ints:
    """Every slot's number."""
    return np.arange(len(keys), dtype=np.int64)
