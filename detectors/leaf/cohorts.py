"""Leaf cohorts: a slot in the arrays for each tenant × specialty × workflow × arm."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from homeostat.detectors.leaf.arrays import BASELINE, CANDIDATE, CONTROL, SEGMENT, CohortArrays
from homeostat.detectors.leaf.bands import BANDS
from homeostat.detectors.leaf.cohort_state import (
    CORE,
    RING,
    all_slots,
    decode_core,
    decode_ring,
    encode_cores,
    encode_rings,
    widen_ring,
)
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.learn import LEARNED
from homeostat.detectors.leaf.lending import Lender
from homeostat.detectors.leaf.plan import OPEN_BUCKETS, Plan
from homeostat.detectors.leaf.rows import copy_rows, take_columns
from homeostat.detectors.leaf.stakes import write_bets
from homeostat.detectors.statistics.bets import (
    MONITOR_BETS,
)
from homeostat.schemas.trace import Arm

BINS: Final = 32
MAX_RELEASES: Final = 8
TOLD: Final = 32
"""Sessions with a 1 that are remembered for each column of which absence means 0."""
_ARMS = {Arm.BASELINE: BASELINE, Arm.CONTROL: CONTROL, Arm.CANDIDATE: CANDIDATE}
_SIGNAL_AXES = {
    "moments": 1,
    "histogram": 1,
    "evidence": 1,
    "last_ms": 1,
    "reference": 1,
    "slopes": 1,
    "learned": 1,
    "shared": 1,
    "borrowed": 1,
    "pending": 1,
    "seal_seen": 1,
    "centre": 1,
    "ring": 2,
    "null": 1,
    "stakes": 1,
}
_LANE_AXES = ("collects", "ring_ms", "ring_id", "ring_count")


def new_arrays(
    capacity: int, signals: int, ring_rows: int, inputs: int = 0, parts: int = 1, absent: int = 0
) -> CohortArrays:
    """Rows for `capacity` slots; `ring_rows` is a multiple of SEGMENT, `absent` the columns whose absence means 0."""
    bets, lanes = (capacity, signals, 2, MONITOR_BETS), 2 + absent
    return CohortArrays(
        moments=np.zeros((capacity, signals, 4), np.int64),
        histogram=np.zeros((capacity, signals, BINS), np.int32),
        evidence=np.zeros(bets),
        last_ms=np.zeros((capacity, signals), np.int64),
        reference=np.zeros((capacity, signals, 4)),
        slopes=np.full((capacity, signals, inputs), math.nan),
        learned=np.full((capacity, signals, LEARNED), -1, np.int64),
        shared=np.zeros((capacity, signals, 4), np.int64),
        pending=np.zeros((capacity, signals), np.uint8),
        collects=np.zeros((capacity, lanes), np.uint8),
        seal_after=np.zeros(capacity, np.int64),
        seal_seen=np.zeros((capacity, signals), np.int32),
        seal_sessions=np.zeros(capacity, np.int32),
        first_ms=np.full(capacity, -1, np.int64),
        centre=np.zeros((capacity, signals), np.int64),
        ring=np.full((capacity, ring_rows, signals), -1, np.int32),
        ring_ms=np.zeros((capacity, lanes, ring_rows), np.int64),
        ring_id=np.zeros((capacity, lanes, ring_rows, 3), np.int64),
        ring_count=np.zeros((capacity, lanes), np.int64),
        shared_bucket=np.full(capacity, -1, np.int64),
        tally=np.zeros((capacity, 2), np.int64),
        releases=np.full((capacity, MAX_RELEASES), -1, np.int32),
        release_ms=np.full(capacity, -1, np.int64),
        returning=np.zeros((capacity, 2), np.int64),
        works=np.zeros((capacity, absent, OPEN_BUCKETS, 4), np.int64),
        told=np.zeros((capacity, absent, TOLD, 4), np.int64),
        next_bucket=np.zeros(absent, np.int64),
        groups=np.full((capacity, len(BANDS)), -1, np.int32),
        parts=np.full((capacity, parts), -1, np.int32),
        owner=np.full(capacity, -1, np.int32),
        home=np.full(capacity, -1, np.int32),
        layers=np.full((capacity, 3), -1, np.int32),
        arm=np.zeros(capacity, np.uint8),
        borrowed=np.zeros((capacity, signals, 4)),
        sealed=np.zeros(capacity, np.uint8),
        null=np.zeros((capacity, signals, 2)),
        stakes=np.zeros(bets),
        dirty=np.zeros(capacity, np.uint8),
    )


class CohortStore:
    """Slots by tags. What the kernel needs of a cohort is in `arrays`; `releases` are the digests it numbers."""

    def __init__(self, plan: Plan, rows: int = 0, lender: Lender | None = None) -> None:
        self._plan = plan
        self._lender = lender
        self.slots: dict[LeafKey, int] = {}
        self.keys: list[LeafKey] = []
        self.names: list[bytes] = []
        self.releases: list[str] = []
        self._leaves_of: dict[str, int] = {}
        self._groups_of: dict[str, int] = {}
        self.release_numbers: dict[str, int] = {}
        self.arrays = _new_arrays(plan, 16, max(rows, ring_rows(plan.policy.baseline.first_sessions)))
        self._drained = np.zeros_like(self.arrays.ring_count)

    def slot_of(self, key: LeafKey, now_ms: int) -> int:
        """The cohort's slot; a new leaf begins at log time `now_ms` in all its parts, its baseline arm with it."""
        slot = self.slots.get(key)
        if slot is not None:
            return slot
        leaf = key._replace(part="")
        if key.arm is not Arm.BASELINE:
            self.slot_of(leaf._replace(arm=Arm.BASELINE), now_ms)
        counted = self._groups_of if key.band else self._leaves_of
        counted[key.tenant] = counted.get(key.tenant, 0) + 1
        self._add_parts(leaf, now_ms)
        return self.slots[key]

    def _add_parts(self, leaf: LeafKey, now_ms: int) -> None:
        slots = [self._add(leaf._replace(part=part), now_ms) for part in self._plan.part_names]
        for slot in slots:
            self.arrays.parts[slot, :] = slots
            self.arrays.owner[slot] = slots[0]

    def _add(self, key: LeafKey, now_ms: int) -> int:
        if key in self.slots:
            return self.slots[key]
        slot = len(self.keys)
        if slot == self.arrays.arm.shape[0]:
            self._grow(2 * slot)
        self.slots[key] = slot
        self.keys.append(key)
        self.names.append(key.text.encode())
        rows = self.arrays
        rows.home[slot] = self.slots[key._replace(arm=Arm.BASELINE)]
        rows.arm[slot] = _ARMS[key.arm]
        rows.last_ms[slot] = now_ms
        rows.dirty[slot] = 1
        if key.arm is Arm.BASELINE:
            self.ask_seal(slot, -1, self._plan.policy.baseline.first_sessions)
            self.borrow(slot)
        return slot

    def parts_of(self, key: LeafKey) -> list[int]:
        """The slots of a leaf's parts; none for a leaf that is not known."""
        slot = self.slots.get(key._replace(part=""))
        return [] if slot is None else [int(part) for part in self.arrays.parts[slot]]

    def count_of(self, tenant: str) -> int:
        """How many leaf cohorts a tenant has."""
        return self._leaves_of.get(tenant, 0)

    def groups_of(self, tenant: str) -> int:
        """How many subgroups a tenant has."""
        return self._groups_of.get(tenant, 0)

    def ask_seal(self, slot: int, after_offset: int, sessions: int, columns: Sequence[int] | None = None) -> None:
        """Collect a new reference from sessions that begin after an offset; the old one holds until it is sealed."""
        rows = self.arrays
        asked = list(range(rows.pending.shape[1]) if columns is None else columns)
        rows.pending[slot, asked] = 1
        rows.seal_after[slot] = after_offset
        rows.seal_seen[slot, asked] = 0
        rows.shared[slot, asked, :2] = 0
        rows.seal_sessions[slot] = sessions
        rows.dirty[slot] = 1
        self.derive_collects(slot)
        if sessions > rows.ring.shape[1]:
            self.arrays = widen_ring(rows, self._plan, len(self.keys), ring_rows(sessions))
            self.arrays.dirty[: len(self.keys)] = 1
            self._drained[:] = 0

    def derive_collects(self, slot: int) -> None:
        """Whether each lane of the slot still collects a reference."""
        pending, columns = self.arrays.pending[slot], self._plan.lane_columns
        for lane, held in enumerate(columns):
            self.arrays.collects[slot, lane] = pending[held].any()

    def borrow(self, slot: int) -> None:
        """Let a baseline slot borrow what it has no reference for, and bet accordingly."""
        if self._lender is not None:
            self.arrays.borrowed[slot] = self._lender.lend(self.keys[slot])
        self.derive_bets(slot)

    def derive_bets(self, slot: int) -> None:
        """Null means and stakes of a baseline slot's references, its own or borrowed."""
        rows = self.arrays
        write_bets(rows.reference[slot], rows.borrowed[slot], self._plan.arrays, rows.null[slot], rows.stakes[slot])

    def number_release(self, release: str) -> int:
        """The number that stands for a release's digest in `arrays.releases`."""
        if release not in self.release_numbers:
            self.release_numbers[release] = len(self.releases)
            self.releases.append(release)
        return self.release_numbers[release]

    def releases_of(self, slot: int) -> tuple[str, ...]:
        """The releases seen lately in a cohort, the newest first."""
        return tuple(self.releases[number] for number in self.arrays.releases[slot].tolist() if number >= 0)

    def recolumn(self, plan: Plan, columns: Sequence[int], restart: Sequence[int], offset: int, now_ms: int) -> None:
        """Take over another plan: for each column the old one or −1; `restart` columns lose their evidence.

        With other parts of the week every baseline is collected anew; with other inputs, what they explain.
        """
        before, self._plan = self._plan, plan
        self._change_lanes(before, columns)
        fields = self.arrays._asdict()
        moved: dict[str, Any] = {name: take_columns(fields[name], axis, columns) for name, axis in _SIGNAL_AXES.items()}
        self.arrays = self.arrays._replace(**moved)
        new = [i for i, old in enumerate(columns) if old < 0]
        self.arrays.ring[:, :, new] = -1
        self.arrays.slopes[:, new] = math.nan
        self.arrays.learned[:, new] = -1
        self.arrays.evidence[:, list(restart)] = 0.0
        self.arrays.last_ms[:, [*new, *restart]] = now_ms
        if _name_inputs(plan) != _name_inputs(before):
            unknown = np.full((*self.arrays.slopes.shape[:2], len(plan.arrays.inputs)), math.nan)
            self.arrays = self.arrays._replace(slopes=unknown)
        if plan.part_of_hour != before.part_of_hour:
            new = self._begin_parts(now_ms)
        for slot, key in enumerate(self.keys):
            self.arrays.dirty[slot] = self.arrays.sealed[slot] = 1
            self._drained[slot] = 0
            if key.arm is Arm.BASELINE:
                if new:
                    self.ask_seal(slot, offset, plan.policy.baseline.first_sessions, new)
                self.derive_collects(slot)
                self.borrow(slot)

    def _change_lanes(self, before: Plan, columns: Sequence[int]) -> None:
        """Give each lane its rows: of those of which absence means 0, the lane that the column had, and its works."""
        plan, held = self._plan, self.arrays
        lanes = [before.lanes[columns[s]] if columns[s] >= 0 else -1 for s in plan.absent_columns]
        moved: dict[str, Any] = {name: take_columns(getattr(held, name), 1, [0, 1, *lanes]) for name in _LANE_AXES}
        kept = [
            lane - 2 if lane >= 0 and before.absent_times(columns[s]) == plan.absent_times(s) else -1
            for s, lane in zip(plan.absent_columns, lanes, strict=True)
        ]
        places = [lane - 2 if lane >= 0 else -1 for lane in lanes]
        moved["works"] = take_columns(held.works, 1, kept)
        moved["told"] = take_columns(held.told, 1, places)
        moved["next_bucket"] = take_columns(held.next_bucket, 0, kept)
        self.arrays = held._replace(**moved)
        self._drained = np.zeros_like(self.arrays.ring_count)

    def _begin_parts(self, now_ms: int) -> list[int]:
        """Give every leaf the parts of the plan, and forget all references; gives every column."""
        parts = np.full((self.arrays.parts.shape[0], len(self._plan.part_names)), -1, np.int32)
        self.arrays = self.arrays._replace(parts=parts)
        self.arrays.reference[:] = 0.0
        self.arrays.learned[:] = -1
        self.arrays.shared[:] = 0
        self.arrays.evidence[:] = 0.0
        self.arrays.last_ms[:] = now_ms
        self.arrays.first_ms[:] = -1
        for leaf in [key for key in self.keys if not key.part]:
            self._add_parts(leaf, now_ms)
        return list(range(len(self._plan.specs)))

    def state_records(self) -> dict[bytes, bytes]:
        """A core record a cohort (`cohort/…`), and one a segment of its ring (`ring/…`)."""
        slots = all_slots(self.keys)
        rings = encode_rings(self, self._plan, slots, np.zeros_like(self._drained))
        return {**dict(encode_cores(self, slots)), **dict(rings)}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records of the cohorts changed since the last call."""
        slots = np.flatnonzero(self.arrays.dirty)
        if slots.size:
            yield from encode_cores(self, slots)
            yield from encode_rings(self, self._plan, slots, self._drained)
        self._settle()

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the cohorts' records; their layers are the caller's to set. Raises `StateCorrupt`."""
        for name in sorted(name for name in records if name.startswith(CORE)):
            slot = self.slot_of(LeafKey.parse(name.removeprefix(CORE).decode()), 0)
            decode_core(self, slot, records[name])
        for name in sorted(name for name in records if name.startswith(RING)):
            decode_ring(self, self._plan, name, records[name])
        for slot in range(len(self.keys)):
            if self.arrays.arm[slot] == BASELINE:
                self.derive_collects(slot)
                self.borrow(slot)
        self.arrays.sealed[: len(self.keys)] = 1
        self._settle()

    def _settle(self) -> None:
        self._drained[:] = self.arrays.ring_count
        self.arrays.dirty[:] = 0

    def _grow(self, capacity: int) -> None:
        grown = _new_arrays(self._plan, capacity, self.arrays.ring.shape[1])
        copy_rows(self.arrays, grown)
        drained = np.zeros_like(grown.ring_count)
        drained[: self._drained.shape[0]] = self._drained
        self.arrays, self._drained = grown, drained


def _name_inputs(plan: Plan) -> list[str]:
    return [plan.names[column] for column in plan.arrays.inputs.tolist()]


def _new_arrays(plan: Plan, capacity: int, rows: int) -> CohortArrays:
    inputs, parts, absent = len(plan.arrays.inputs), len(plan.part_names), len(plan.absent_columns)
    return new_arrays(capacity, len(plan.specs), rows, inputs, parts, absent)


def ring_rows(sessions: int) -> int:
    """Rows of a ring that holds the sessions of a reference and a few more."""
    return (max(sessions, 112) // SEGMENT + 1) * SEGMENT
