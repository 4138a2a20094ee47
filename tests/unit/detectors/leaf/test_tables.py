"""The tables of numbers behave like dictionaries: whatever is added, forgotten, grown, and whatever ids collide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homeostat.detectors.leaf.arrays import (
    COLUMNS,
    CURSOR,
    KIND,
    ROW_FEEDBACK,
    ROW_START,
    ROW_WORK,
    SESSION,
    SLOT,
    TAIL,
    TIME,
    Ints,
)
from homeostat.detectors.leaf.dedupe import DedupeWindow
from homeostat.detectors.leaf.fold import find_session
from homeostat.detectors.leaf.ids import number_id, number_tenant
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.sessions import SessionStore
from homeostat.detectors.leaf.tables import (
    SEEDS,
    SEGMENT_IDS,
    make_seeds,
    spread,
)
from tests.builders.documents import policy

PLAN = Plan(policy())
KINDS = (ROW_WORK, ROW_FEEDBACK, ROW_START)
COLLIDING = np.ones(6, np.int64)
"""Multipliers by which nearly all small numbers share a place."""
SEED_SETS = (SEEDS, COLLIDING, make_seeds(bytes(range(24))))
SAME_DIGITS = (
    "f" * 16,
    "0" + "f" * 16,
    "0" * 16 + "f" * 16,
    "0" * 15 + "1" + "f" * 16,
    "00000000-0000-0000-ffff-ffffffffffff",
    "-".join("f" * 16),
)
"""Ids that are equal as numbers, or differ in one part only."""
IDS = (
    st.sampled_from(SAME_DIGITS)
    | st.integers(0, 60).map(lambda n: f"{n:016x}")
    | st.integers(0, 9).map(lambda n: f"{n:x}" * 32)
)


def many_id(number: int) -> str:
    """Ids that do not all collide, so that there may be many."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:020x}"


def seen_name(text: str, tenant: str = "tenant-1") -> Ints:
    high, low, form = number_id(text)
    return np.array([high, low, form | number_tenant(tenant)], np.int64)


class SeenMachine(RuleBasedStateMachine):
    """The dedupe window beside a dictionary of what it must remember."""

    @initialize(seeds=st.sampled_from(SEED_SETS), window_ms=st.sampled_from((50, 10**9)))
    def begin(self, seeds: Ints, window_ms: int) -> None:
        self.window, self.now_ms, self.window_ms = DedupeWindow(window_ms, 1024, seeds), 0, window_ms
        self.added_ms: list[int] = []
        self.first, self.bulk = 0, 0
        self.times: dict[tuple[str, str], tuple[int, int]] = {}
        self.topic: dict[bytes, bytes] = {}

    def see(self, key: tuple[str, str]) -> None:
        number, time_ms = self.times.get(key, (-1, 0))
        new = number < self.first or self.now_ms >= time_ms + self.window_ms
        assert self.window.add(seen_name(*key), self.now_ms) == new
        if new:
            self.times[key] = len(self.added_ms), self.now_ms
            self.added_ms.append(self.now_ms)
            if len(self.added_ms) % SEGMENT_IDS == 0 and len(self.added_ms) - self.first > 1024:
                self.first += SEGMENT_IDS

    @rule(ids=st.lists(st.tuples(IDS, st.sampled_from(("tenant-1", "tenant-2"))), max_size=20))
    def add(self, ids: list[tuple[str, str]]) -> None:
        for key in ids:
            self.see(key)

    @rule(count=st.sampled_from((512, 800, 1200)))
    def add_many(self, count: int) -> None:
        for number in range(self.bulk, min(2500, self.bulk + count)):
            self.see((many_id(number), "tenant-1"))
        self.bulk = min(2500, self.bulk + count)

    @rule(count=st.integers(1, 40))
    def repeat(self, count: int) -> None:
        for number in range(0, self.bulk, max(1, self.bulk // count)):
            self.see((many_id(number), "tenant-1"))

    @rule(wait_ms=st.sampled_from((1, 30, 200)))
    def wait(self, wait_ms: int) -> None:
        self.now_ms += wait_ms
        self.window.forget(self.now_ms)
        while len(self.added_ms) - self.first >= SEGMENT_IDS:
            if self.added_ms[self.first + SEGMENT_IDS - 1] + self.window_ms > self.now_ms:
                break
            self.first += SEGMENT_IDS

    @rule(seeds=st.sampled_from(SEED_SETS), room=st.sampled_from((0, 3000)))
    def restart(self, seeds: Ints, room: int) -> None:
        for key, value in self.window.drain_changes():
            self.topic.pop(key, None) if value is None else self.topic.update({key: value})
        again = DedupeWindow(self.window_ms, 1024, seeds)
        again.restore(self.topic)
        again.make_room(room)
        assert again.state_records() == self.topic == self.window.state_records()
        self.window = again

    @invariant()
    def is_as_long(self) -> None:
        assert len(self.window) == len(self.added_ms) - self.first


class SessionMachine(RuleBasedStateMachine):
    """The sessions' table beside a dictionary of the newest session of each name."""

    @initialize(seeds=st.sampled_from(SEED_SETS))
    def begin(self, seeds: Ints) -> None:
        self.store, self.seeds, self.now_ms, self.bulk = SessionStore(1, seeds), seeds, 0, 0
        self.cursor = np.zeros(CURSOR, np.int64)
        self.opened: dict[tuple[int, int, str], tuple[int, int]] = {}

    def find(self, slot: int, kind: int, text: str) -> None:
        lane = FEEDBACK if kind == ROW_FEEDBACK else WORK
        line = np.zeros(COLUMNS, np.int64)
        line[[KIND, TIME, SLOT]] = kind, self.now_ms, slot
        line[SESSION : SESSION + 3] = number_id(text)
        self.store.make_room(1)
        row = find_session(line, PLAN.arrays, self.store.arrays, self.seeds, self.cursor)
        key, tail = (slot, lane, text), self.store.tail
        self.store.tail = int(self.cursor[TAIL])
        position, opened_ms = self.opened.get(key, (-1, -PLAN.remembered_ms))
        if self.now_ms - opened_ms >= PLAN.remembered_ms:
            self.opened[key] = position, _ = tail, self.now_ms
            assert self.store.tail == tail + 1
        elif self.now_ms - opened_ms >= PLAN.session_ms:
            position = -1
        assert row == (position & (self.store.arrays.slot.shape[0] - 1) if position >= 0 else -1)

    @rule(found=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(KINDS), IDS), max_size=20))
    def find_some(self, found: list[tuple[int, int, str]]) -> None:
        for slot, kind, text in found:
            self.find(slot, kind, text)

    @rule(count=st.sampled_from((500, 1200)))
    def find_many(self, count: int) -> None:
        for number in range(self.bulk, min(2500, self.bulk + count)):
            self.find(number % 3, ROW_WORK, many_id(number // 3))
        self.bulk = min(2500, self.bulk + count)

    @rule(count=st.integers(1, 40))
    def find_again(self, count: int) -> None:
        for number in range(0, self.bulk, max(1, self.bulk // count)):
            self.find(number % 3, ROW_WORK, many_id(number // 3))

    @rule(wait_ms=st.sampled_from((1, 900, PLAN.session_ms, PLAN.remembered_ms)))
    def wait(self, wait_ms: int) -> None:
        self.now_ms += wait_ms
        self.store.forget(self.now_ms, PLAN.remembered_ms)

    @rule(seeds=st.sampled_from(SEED_SETS), room=st.sampled_from((0, 3000)))
    def restart(self, seeds: Ints, room: int) -> None:
        records = self.store.state_records(str, str)
        again = SessionStore(1, seeds)
        again.begin_at(self.store.base)
        again.restore(records, int, int)
        assert again.tail == self.store.tail
        again.make_room(room)
        self.store, self.seeds = again, seeds


TestSeen = SeenMachine.TestCase
TestSeen.settings = settings(max_examples=12, stateful_step_count=15)
TestSessions = SessionMachine.TestCase
TestSessions.settings = settings(max_examples=12, stateful_step_count=15)


@pytest.mark.parametrize("seeds", SEED_SETS)
def test_names_that_differ_in_one_part_are_found_apart(seeds: Ints) -> None:
    sessions, window = SessionMachine(), DedupeWindow(10**9, 1024, seeds)
    sessions.begin(seeds)
    names = [(slot, kind, text) for slot in (0, 1) for kind in (ROW_WORK, ROW_FEEDBACK) for text in SAME_DIGITS]
    for name in (*names, *names):
        sessions.find(*name)
    assert sessions.store.tail == len(names)
    assert [window.add(seen_name(text), 0) for text in (*SAME_DIGITS, *SAME_DIGITS)] == [True] * 6 + [False] * 6


def test_what_is_forgotten_does_not_fill_the_tables() -> None:
    window, sessions = DedupeWindow(10**9, 1024), SessionMachine()
    sessions.begin(SEEDS)
    for number in range(5000):
        assert window.add(seen_name(many_id(number)), 0)
        sessions.find(0, ROW_WORK, many_id(number))
        sessions.now_ms += 50
        if number % 100 == 0:
            sessions.wait(1)
    seen, kept = window.arrays, sessions.store.arrays
    assert 2 * (seen.marks[2] - 1) <= seen.table.shape[0]
    assert 2 * (kept.marks[1] - 1) <= kept.table.shape[0]
    assert (seen.table.shape[0], kept.table.shape[0]) == (8192, 4096)


def test_segments_leave_the_window_one_by_one() -> None:
    window = DedupeWindow(1000, 1024)
    for number in range(2 * SEGMENT_IDS + 10):
        assert window.add(seen_name(many_id(number)), number // SEGMENT_IDS * 100)
    before = dict(window.drain_changes())
    window.forget(1099)
    assert len(window) == SEGMENT_IDS + 10
    assert list(window.drain_changes()) == [(min(before), None)]
    assert window.add(seen_name(many_id(0)), 1099)
    assert not window.add(seen_name(many_id(SEGMENT_IDS)), 1099)


@given(IDS, IDS, st.sampled_from(("tenant-1", "tenant-2")), st.sampled_from(("tenant-1", "tenant-2")))
def test_numbered_ids_are_equal_only_for_the_same_id_of_the_same_tenant(a: str, b: str, of_a: str, of_b: str) -> None:
    assert np.array_equal(seen_name(a, of_a), seen_name(b, of_b)) == ((a, of_a) == (b, of_b))


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_place_is_a_31_bit_number_for_any_id(high: int, low: int, tag: int) -> None:
    name = np.array([high, low, tag], np.int64)
    for seeds in SEED_SETS:
        assert 0 <= spread(name[0], name[1], name[2], 7, seeds) < 2**31


def test_places_spread_with_every_part_of_a_name() -> None:
    for part in range(4):
        names = np.zeros((1000, 4), np.int64)
        names[:, part] = np.arange(1000) << (8 if part == 2 else 0)
        places = {spread(name[0], name[1], name[2], name[3], SEEDS) & 4095 for name in names}
        assert len(places) > 600
