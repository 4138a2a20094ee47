"""Series in bounded memory: halving loses time's detail, no session and no peak."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from homeostat.streams.report.series import SESSIONS, TOTAL, Series

STEPS = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 5), st.floats(0, 1, width=32), st.floats(0, 4, width=32)), max_size=60
)


def feed(series: Series, steps: list[tuple[int, int, float, float]]) -> None:
    now_ms = 0
    row, column = np.array([series.add_row()]), np.array([0])
    for elapsed, sessions, mean, evidence in steps:
        now_ms += elapsed
        series.begin(now_ms)
        sums = np.array([sessions, sessions * mean, 0, 0, 0, 0], float).reshape(6, 1, 1)
        series.add(row, column, sums, np.array([evidence, 0.0]).reshape(2, 1, 1))


@given(STEPS)
def test_nothing_is_lost_by_halving(steps: list[tuple[int, int, float, float]]) -> None:
    series = Series(1, most_samples=8)
    feed(series, steps)
    samples = series.of(0, 0)
    assert len(samples) <= 8
    assert sum(sample.sessions for sample in samples) == sum(step[1] for step in steps)
    assert np.isclose(series.totals(0)[TOTAL, 0], sum(step[1] * step[2] for step in steps), rtol=1e-4, atol=1e-4)
    assert max((sample.up for sample in samples), default=0.0) == max((step[3] for step in steps), default=0.0)
    assert [sample.until_ms for sample in samples] == sorted({sample.until_ms for sample in samples})


def test_samples_become_rarer_as_the_log_grows() -> None:
    series = Series(1, most_samples=8)
    series.add_row()
    taken = 0
    for now_ms in range(1, 10_001):
        if series.is_due(now_ms):
            series.begin(now_ms)
            taken += 1
    assert taken < 60
    assert len(series.until_ms) <= 8
    assert series.until_ms[-1] > 8_000


def test_room_is_bounded_and_rows_can_be_given_away() -> None:
    series = Series(4, most_cells=8 * 4 * 3, most_samples=8)
    assert series.row_limit == 3
    rows = [series.add_row() for _ in range(3)]
    series.begin(1)
    for row in rows:
        sums = np.full((6, 1, 1), float(row + 1))
        series.add(np.array([row]), np.array([0]), sums, np.zeros((2, 1, 1)))
    assert series.busiest().tolist() == [2, 1, 0]
    series.forget_row(2)
    assert series.totals(2)[SESSIONS].tolist() == [0.0] * 4
    series.add_columns(6)
    assert series.totals(1)[SESSIONS].tolist() == [2.0, 0, 0, 0, 0, 0]
