"""The dedupe window: bounded in time and entries, the same after a restart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.frames import frame
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.dedupe import DedupeWindow
from homeostat.detectors.leaf.tables import SEGMENT_IDS, make_seeds
from homeostat.schemas.errors import StateCorrupt


def name(number: int) -> Ints:
    return np.array([0, number, 16], np.int64)


def test_seen_within_the_window_and_forgotten_after_it() -> None:
    window = DedupeWindow(1000, 1024)
    assert window.add(name(1), 0)
    assert not window.add(name(1), 999)
    assert window.add(name(1), 1000)
    assert not window.add(name(1), 1999)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_ids_that_differ_in_any_part_are_different(part: int) -> None:
    window = DedupeWindow(1000, 1024)
    assert window.add(name(1), 0)
    other = name(1)
    other[part] += 1
    assert window.add(other, 0)


def test_entries_are_bounded() -> None:
    window = DedupeWindow(10**9, 1024)
    for number in range(5000):
        assert window.add(name(number), 0)
        assert len(window) <= 1024 + SEGMENT_IDS
    assert not window.add(name(4999), 0)
    assert window.add(name(0), 0)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 40)), max_size=1500), st.data())
def test_restored_and_drained_windows_are_equal(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    window, topic, now_ms = DedupeWindow(500, 1024), dict[bytes, bytes](), 0
    seen: dict[int, int] = {}
    cut = data.draw(st.integers(0, len(steps)))
    for step, (number, wait_ms) in enumerate(steps):
        now_ms += wait_ms
        assert window.add(name(number), now_ms) == (now_ms >= seen.get(number, -500) + 500)
        if now_ms >= seen.get(number, -500) + 500:
            seen[number] = now_ms
        if step == cut or step % 100 == 0:
            window.forget(now_ms)
            for key, value in window.drain_changes():
                topic.pop(key, None) if value is None else topic.update({key: value})
            assert topic == window.state_records()
    again = DedupeWindow(500, 1024, make_seeds(bytes(range(24))))
    again.restore(window.state_records())
    assert again.state_records() == window.state_records()
    assert [again.add(name(n), now_ms) for n in range(700)] == [window.add(name(n), now_ms) for n in range(700)]


def test_missing_segments_are_corrupt() -> None:
    window = DedupeWindow(10**9, 10**6)
    for number in range(3 * SEGMENT_IDS):
        window.add(name(number), 0)
    records = window.state_records()
    del records[sorted(records)[1]]
    with pytest.raises(StateCorrupt):
        DedupeWindow(10**9, 10**6).restore(records)


def test_a_segment_of_another_length_is_corrupt() -> None:
    with pytest.raises(StateCorrupt):
        DedupeWindow(10**9, 10**6).restore({b"dedupe/%016d" % 0: frame(b"short", 1)})
