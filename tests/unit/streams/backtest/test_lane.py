"""Lanes side by side give at each control record what a merge of all records would have given up to there."""

from heapq import merge
from operator import itemgetter

from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.log import LogRecord
from homeostat.streams.backtest.lane import Lane, Moment
from homeostat.streams.backtest.log_source import pack_part

_STEPS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 30), st.booleans()), max_size=25)
Log = list[LogRecord]


def number(steps: list[tuple[int, int, bool]]) -> Log:
    log, offset = [], -1
    for step, time_ms, is_control in steps:
        offset += step
        log.append(LogRecord(offset, time_ms, None, b"", [(CONTROL_HEADER, b"tick")] if is_control else []))
    return log


def order(logs: list[Log]) -> list[tuple[Moment, LogRecord]]:
    """Every record by (running maximum of its partition's times, partition, offset)."""
    timed = []
    for partition, log in enumerate(logs):
        time_ms = 0
        for record in log:
            time_ms = max(time_ms, record.timestamp)
            timed.append((Moment(time_ms, partition, record.offset), record))
    return sorted(timed, key=itemgetter(0))


@given(st.lists(_STEPS.map(number), min_size=1, max_size=3), st.integers(1, 9), st.integers(1, 4))
def test_what_is_taken_at_a_control_record_is_all_that_comes_before(logs: list[Log], size: int, every: int) -> None:
    expected = order(logs)
    lanes = [
        Lane(part, [pack_part(log[at : at + size]) for at in range(0, len(log) + 1, size)])
        for part, log in enumerate(logs)
    ]
    taken: set[tuple[int, int]] = set()
    in_order: list[list[int]] = [[] for _ in logs]

    def take(moment: Moment | None) -> None:
        for lane in lanes:
            for block in lane.take(moment):
                taken.update((lane.partition, record.offset) for record in block)
                in_order[lane.partition] += [record.offset for record in block]

    controls = [moment for moment, record in expected if record.headers]
    seen = []
    for count, (moment, record) in enumerate(merge(*(lane.controls() for lane in lanes), key=itemgetter(0))):
        seen.append(moment)
        assert record.offset == moment.offset
        if count % every == 0:
            take(moment)
            assert taken == {(each.partition, each.offset) for each, _ in expected if each <= moment}
    take(None)
    assert seen == controls
    assert in_order == [[record.offset for record in log] for log in logs]
