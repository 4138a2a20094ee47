"""The dedupe window: bounded in time and entries, the same after a restart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.leaf.dedupe import SEGMENT_ENTRIES, DedupeWindow
from homeostat.schemas.errors import StateCorrupt


def test_seen_within_the_window_and_forgotten_after_it() -> None:
    window = DedupeWindow(1000, 1024)
    assert window.add("a", 0)
    assert not window.add("a", 999)
    assert window.add("a", 1000)
    assert not window.add("a", 1999)


def test_entries_are_bounded() -> None:
    window = DedupeWindow(10**9, 1024)
    for number in range(5000):
        assert window.add(str(number), 0)
        assert len(window) <= 1024 + SEGMENT_ENTRIES
    assert not window.add("4999", 0)
    assert window.add("0", 0)


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 40)), max_size=1500), st.data())
def test_restored_and_drained_windows_are_equal(steps: list[tuple[int, int]], data: st.DataObject) -> None:
    window, topic, now_ms = DedupeWindow(500, 1024), dict[bytes, bytes](), 0
    cut = data.draw(st.integers(0, len(steps)))
    for number, (name, wait_ms) in enumerate(steps):
        now_ms += wait_ms
        window.add(f"id-{name}", now_ms)
        if number == cut or number % 100 == 0:
            window.forget(now_ms)
            for key, value in window.drain_changes():
                topic.pop(key, None) if value is None else topic.update({key: value})
            assert topic == window.state_records()
    again = DedupeWindow(500, 1024)
    again.restore(window.state_records())
    assert again.state_records() == window.state_records()
    assert [again.add(f"id-{n}", now_ms) for n in range(700)] == [window.add(f"id-{n}", now_ms) for n in range(700)]


def test_missing_segments_are_corrupt() -> None:
    window = DedupeWindow(10**9, 10**6)
    for number in range(3 * SEGMENT_ENTRIES):
        window.add(str(number), 0)
    records = window.state_records()
    del records[sorted(records)[1]]
    with pytest.raises(StateCorrupt):
        DedupeWindow(10**9, 10**6).restore(records)
