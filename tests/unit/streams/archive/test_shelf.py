"""A shelf makes files that follow each other without a hole, day by day of log time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.log import LogRecord
from homeostat.streams import failpoints
from homeostat.streams.archive.layout import DAY_MS, day_of, start_of
from homeostat.streams.archive.position import find_newest
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.shelf import Shelf
from homeostat.streams.archive.store import ArchiveStore
from tests.unit.streams.archive.logs import HEAD, START_MS, TOPIC, read_all, records

FAR_MS = 2**62


def record(offset: int, timestamp_ms: int) -> LogRecord:
    return LogRecord(offset, timestamp_ms, b"a", b"{}", [])


@given(log=records(), batch=st.integers(1, 7), fail_at=st.integers(1, 6), now_ms=st.sampled_from([START_MS, FAR_MS]))
def test_whatever_fails_and_is_tried_again_every_offset_is_there_once(
    log: list[LogRecord], batch: int, fail_at: int, now_ms: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    store = ArchiveStore(str(folder))
    shelf = Shelf(store, HEAD, 0, 0, None)
    failpoints.arm(f"archive.half_written:raise:{fail_at}")
    for at in range(0, len(log), batch):
        while True:
            try:
                shelf.add(log[at : at + batch], now_ms)
                if at % 2:
                    shelf.flush()
            except failpoints.FailpointReached:
                continue
            break
    failpoints.arm("")
    shelf.flush()
    if log:
        assert read_all(folder) == log
        reader = ArchiveReader(store, TOPIC)
        assert reader.gaps == []
        assert find_newest(store, TOPIC, {0, 1})[0].next == shelf.written == log[-1].offset + 1
        days = [file.day for file in sorted(reader.files, key=lambda file: file.first)]
        assert days == sorted(days)


def test_a_day_ends_where_log_time_passes_midnight_and_never_comes_back(tmp_path: Path) -> None:
    day, midnight_ms = day_of(START_MS), start_of(day_of(START_MS)) + DAY_MS
    store = ArchiveStore(str(tmp_path))
    shelf = Shelf(store, HEAD, 0, 0, None)
    shelf.add([record(0, START_MS), record(1, midnight_ms - 1), record(4, midnight_ms), record(5, START_MS)], FAR_MS)
    assert [(file.first, file.next) for file in store.files(TOPIC, day)] == [(0, 2)]
    shelf.flush()
    assert [(file.first, file.next) for file in store.files(TOPIC, day_of(midnight_ms))] == [(2, 6)]


def test_a_record_from_the_future_is_filed_under_the_present(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    shelf = Shelf(store, HEAD, 0, 0, None)
    shelf.add([record(0, START_MS), record(1, START_MS + 400 * DAY_MS), record(2, START_MS)], START_MS + 5)
    shelf.flush()
    assert store.days(TOPIC) == [day_of(START_MS)]


def test_it_goes_on_in_the_day_of_the_newest_file(tmp_path: Path) -> None:
    store, tomorrow = ArchiveStore(str(tmp_path)), day_of(START_MS + DAY_MS)
    shelf = Shelf(store, HEAD, 0, 7, tomorrow)
    shelf.add([record(6, START_MS), record(7, START_MS)], FAR_MS)
    assert (shelf.written, shelf.next) == (7, 8)
    assert shelf.flush()
    assert not shelf.flush()
    assert [(file.first, file.next) for file in store.files(TOPIC, tomorrow)] == [(7, 8)]
