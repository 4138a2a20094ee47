"""The leaf's state under one plan: its stores, the cursor of the kernel, and how they become records and back."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import (
    BUCKET_END,
    CLOSE,
    COUNTS,
    CURSOR,
    EVENT_COLUMNS,
    NEVER,
    SETTLE_AT,
    TAIL,
    Ints,
    Scratch,
)
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.dedupe import DedupeWindow
from homeostat.detectors.leaf.layers import LayerStore
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.lending import Lender, lend_out
from homeostat.detectors.leaf.pairings import PairStore
from homeostat.detectors.leaf.place_groups import link_groups
from homeostat.detectors.leaf.plan import MEANING, Plan
from homeostat.detectors.leaf.pools import ALONE, Home, Pool, PoolStore
from homeostat.detectors.leaf.refusals import RefusalWindow
from homeostat.detectors.leaf.sessions import SessionStore
from homeostat.detectors.statistics.bets import MONITOR_BETS
from homeostat.schemas.cohort import WATCHED_PARENTS
from homeostat.schemas.control import Baseline, BaselineDocument

_STATE_VERSION = 1
_KEY: Final = b"leaf"
KERNEL_COUNTS: Final = (
    "sessions_closed",
    "late",
    "sessions_empty",
    "pair_queue_full",
    "saturated",
    "over_tenant_quota",
    "duplicate",
    "cohort_limit",
    "release_mismatch",
    "unknown_release",
    "work_not_waited_for",
    "feedback_without_work",
)


class World:
    """All stores of one plan; the same state gives the same records, however slots and rows are numbered."""

    def __init__(
        self,
        plan: Plan,
        seeds: Ints,
        ring_rows: int = 0,
        home: Home = ALONE,
        baselines: Mapping[str, BaselineDocument] = MappingProxyType({}),
    ) -> None:
        """`baselines` are the control log's own: the newest documents by subject, now and later."""
        signals = len(plan.specs)
        self._placed = 0
        self.plan = plan
        self.seeds = seeds
        self.sessions = SessionStore(signals, seeds)
        self.pools = PoolStore(plan, home)
        self.lender = Lender(plan, self.pools, home, baselines)
        self.cohorts = CohortStore(plan, ring_rows, self.lender)
        self.layers = LayerStore(signals)
        self.pairs = PairStore(plan)
        self.window = RefusalWindow(plan)
        self.dedupe = DedupeWindow(plan.dedupe_ms, plan.policy.dedupe.max_entries, seeds)
        self.cursor = np.zeros(CURSOR, np.int64)
        self.cursor[SETTLE_AT] = NEVER
        self.kernel_counts = np.zeros(COUNTS, np.int64)
        self.scratch = _new_scratch(signals)

    def replan(self, plan: Plan, offset: int, now_ms: int) -> None:
        """Go on under another plan: signals that mean the same keep what is known of them, others begin anew."""
        old = self.plan
        columns = [_same_column(old, spec_index, plan) for spec_index in range(len(plan.specs))]
        restart = [s for s, before in enumerate(columns) if before >= 0 and _null_of(old, before) != _null_of(plan, s)]
        self.plan = plan
        self.sessions.recolumn(columns, keeps_parts=plan.part_of_hour == old.part_of_hour)
        self.pools.use(plan)
        self.lender.plan = plan
        self.cohorts.recolumn(plan, columns, restart, offset, now_ms)
        self.layers.recolumn(columns)
        self.pairs.recolumn(plan, columns, restart)
        self.window.take_over(plan, self.cursor)
        self.dedupe.window_ms, self.dedupe.max_entries = plan.dedupe_ms, plan.policy.dedupe.max_entries
        self.scratch = _new_scratch(len(plan.specs))

    def lend(self, baseline: Baseline, now_ms: int) -> None:
        """Let cohorts borrow from a baseline across tenants that is new."""
        pool = Pool(baseline.cohort.workflow or "", baseline.part)
        if baseline.cohort != pool.cohort or pool.part >= len(self.plan.part_names):
            return
        lend_out(self.cohorts, pool, self.plan.part_names[pool.part], now_ms)
        self.pools.forget(pool, self.lender.edition_of(baseline))

    def make_room(self, rows: int) -> None:
        """Grow what a batch of this many rows may need."""
        self.sessions.make_room(rows)
        self.dedupe.make_room(rows)

    def place_layers(self) -> None:
        """Point new cohorts to their parents' rows."""
        for slot in range(self._placed, len(self.cohorts.keys)):
            if not self.cohorts.keys[slot].band:
                self.cohorts.arrays.layers[slot] = self.layers.rows_of(self.cohorts.keys[slot])
        self._placed = len(self.cohorts.keys)

    def forget(self, now_ms: int) -> None:
        """Drop what has left the windows by now."""
        self.sessions.forget(now_ms, self.plan.remembered_ms)
        self.dedupe.forget(now_ms)

    def counts(self) -> Counter[str]:
        """The kernel's counts by name."""
        return Counter(dict(zip(KERNEL_COUNTS, self.kernel_counts.tolist(), strict=True)))

    def state_records(self, extra: Mapping[str, Any]) -> dict[bytes, bytes]:
        """Every record; `extra` goes into the partition's own."""
        return {
            **self.sessions.state_records(self._leaf_text, self.pairs.name_of),
            **self.cohorts.state_records(),
            **self.pools.state_records(),
            **self.layers.state_records(),
            **self.pairs.state_records(),
            **self.dedupe.state_records(),
            **dict([self.window.encode(self.cursor), self._encode(extra)]),
        }

    def drain_changes(self, extra: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes | None]]:
        """Records changed since the last call."""
        yield from self.sessions.drain_changes(self._leaf_text, self.pairs.name_of)
        yield from self.cohorts.drain_changes()
        yield from self.pools.drain_changes()
        yield from self.layers.drain_changes()
        yield from self.pairs.drain_changes()
        yield from self.dedupe.drain_changes()
        yield self.window.encode(self.cursor)
        yield self._encode(extra)

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records of a world with the same plan. Raises `StateCorrupt`."""
        fields = read_partition_record(records)
        self.pools.restore(records)
        self.cohorts.restore(records)
        self.layers.restore(records)
        self.pairs.restore(records)
        self.sessions.begin_at(fields["base"])
        self.sessions.restore(records, self._leaf_slot, self.pairs.row_named)
        self.dedupe.restore(records)
        self.cursor[[BUCKET_END, CLOSE, TAIL]] = (fields["bucket_end_ms"], fields["close"], self.sessions.tail)
        self.window.restore(records, self.plan, self.cursor)
        held = fields["kernel_counts"]
        self.kernel_counts[: len(held)] = held
        self.cohorts.arrays.next_bucket[:] = fields.get("next_bucket", ())
        link_groups(self.cohorts)
        self.place_layers()

    def _encode(self, extra: Mapping[str, Any]) -> tuple[bytes, bytes]:
        fields = {
            **extra,
            "base": self.sessions.base,
            "bucket_end_ms": int(self.cursor[BUCKET_END]),
            "close": int(self.cursor[CLOSE]),
            "kernel_counts": self.kernel_counts.tolist(),
            "next_bucket": self.cohorts.arrays.next_bucket.tolist(),
            "ring_rows": self.cohorts.arrays.ring.shape[1],
        }
        return _KEY, encode_partition_record(fields)

    def _leaf_text(self, slot: int) -> str:
        return self.cohorts.names[slot].decode()

    def _leaf_slot(self, text: str) -> int:
        return self.cohorts.slots[LeafKey.parse(text)]


def _new_scratch(signals: int) -> Scratch:
    """Room for every event that the close of one session can cause, in its leaf and two subgroups."""
    return Scratch(
        values=np.zeros(signals, np.int64),
        factors=np.ones((2, MONITOR_BETS)),
        parents=np.zeros(len(WATCHED_PARENTS), np.int64),
        events=np.zeros((6 * signals, EVENT_COLUMNS), np.int64),
        numbers=np.zeros(6 * signals),
    )


def encode_partition_record(fields: Mapping[str, Any]) -> bytes:
    """The partition's own record."""
    return frame(json.dumps(fields, sort_keys=True).encode(), _STATE_VERSION)


def read_partition_record(records: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The fields of the partition's own record; none for no record. Raises `StateCorrupt`."""
    if _KEY not in records:
        return {}
    fields = json.loads(unframe(records[_KEY], _STATE_VERSION))
    assert isinstance(fields, dict)
    return fields


PARTITION_KEY: Final = _KEY


def _same_column(old: Plan, index: int, new: Plan) -> int:
    spec = new.specs[index]
    before = old.column.get(spec.name, -1)
    if before < 0:
        return -1
    held = old.specs[before]
    return before if all(getattr(held, name) == getattr(spec, name) for name in MEANING) else -1


def _null_of(plan: Plan, column: int) -> tuple[object, ...]:
    spec = plan.specs[column]
    return spec.tolerance, spec.direction, spec.limit, spec.role
