"""Sizes of slices, waiting times, suspect offsets, stalls."""

from hypothesis import given
from hypothesis import strategies as st

from homeostat.streams.transport.pace import Backoff, Pace, Stall, Suspect


def test_pace_follows_the_time() -> None:
    pace = Pace.starting_at(500)
    pace.note(500, 0.3)
    assert pace.size == 250
    pace.note(100, 0.001)
    assert pace.size == 250
    pace.note(250, 0.001)
    assert pace.size == 500
    for _ in range(20):
        pace.note(pace.size, 1.0)
    assert pace.size == 16


def test_backoff_doubles_to_the_longest() -> None:
    backoff = Backoff(0.1, 0.5)
    assert [backoff.next_s() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    backoff.reset()
    assert backoff.next_s() == 0.1


@given(st.integers(0, 200), st.integers(1, 100), st.integers(1, 60))
def test_the_third_failure_names_the_bad_offset(bad: int, size: int, batch: int) -> None:
    suspect, at = Suspect(), 0
    times = 0
    while times < 3:
        if at > bad:
            raise AssertionError("passed over it")
        step = suspect.slice_size(at, min(size, batch))
        if at <= bad < at + step:
            times, at = suspect.note(at, at + step - 1), 0
        else:
            suspect.passed(at + step - 1)
            at += step
    assert (suspect.low, suspect.high) == (bad, bad)


def test_a_failure_elsewhere_is_another_one() -> None:
    suspect = Suspect()
    assert suspect.note(5, 9) == 1
    assert suspect.note(6, 6) == 2
    assert suspect.note(20, 29) == 1
    suspect.passed(28)
    assert suspect.note(25, 25) == 2
    suspect.passed(25)
    assert suspect.note(25, 25) == 1


def test_stall_counts_only_outstanding_work() -> None:
    stall = Stall(limit_s=10.0)
    assert not stall.lasts(5, 9, 100.0)
    assert not stall.lasts(5, 9, 109.0)
    assert not stall.lasts(5, 5, 115.0)
    assert not stall.lasts(5, 9, 124.0)
    assert stall.lasts(5, 9, 126.0)
    assert not stall.lasts(6, 9, 127.0)
