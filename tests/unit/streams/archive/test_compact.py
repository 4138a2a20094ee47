"""Merging files changes nothing that a reader sees, at no moment."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.log import LogRecord
from homeostat.streams import failpoints
from homeostat.streams.archive.compact import Compacted, compact_day
from homeostat.streams.archive.layout import day_of
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from tests.unit.streams.archive.logs import HEAD, START_MS, TOPIC, read_all, records, write_range

DAY = day_of(START_MS)
_POINTS = st.sampled_from(["archive.before_rename", "archive.merged_before_delete", "archive.deleted_some"])
LARGE = 1 << 30


@given(
    log=records(),
    cuts=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 40)), min_size=1, max_size=6),
    point=_POINTS,
    count=st.integers(1, 3),
    file_bytes=st.sampled_from([1, 1500, LARGE]),
)
def test_killed_anywhere_it_loses_nothing_and_run_again_it_is_done(
    log: list[LogRecord],
    cuts: list[tuple[int, int]],
    point: str,
    count: int,
    file_bytes: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    store = ArchiveStore(str(folder))
    for first, size in cuts:
        write_range(store, log, first, first + size)
    before, gaps = read_all(folder), ArchiveReader(store, TOPIC).gaps
    failpoints.arm(f"{point}:raise:{count}")
    with suppress(failpoints.FailpointReached):
        compact_day(store, TOPIC, DAY, file_bytes, 0.0)
    failpoints.arm("")
    assert read_all(folder) == before
    compact_day(store, TOPIC, DAY, file_bytes, 0.0)
    assert read_all(folder) == before
    reader = ArchiveReader(store, TOPIC)
    assert reader.gaps == gaps
    if file_bytes == LARGE:
        assert len(reader.files) == len(gaps) + 1, "one file between two gaps"


def test_partitions_stay_apart_and_files_within_their_size(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    log = [LogRecord(offset, START_MS, b"a", os.urandom(1000), []) for offset in range(40)]
    for partition in (0, 1):
        for first in range(0, 40, 5):
            write_range(store, log, first, first + 5, partition)
    assert compact_day(store, TOPIC, DAY, 25_000, 0.0) == Compacted(merged=16, into=4, deleted=0)
    assert {(file.partition, file.first) for file in store.files(TOPIC, DAY)} == {(0, 0), (0, 20), (1, 0), (1, 20)}
    assert read_all(tmp_path, 0) == read_all(tmp_path, 1) == log
    assert ArchiveReader(store, TOPIC).head == HEAD


def test_only_old_temporary_files_are_deleted(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    path = tmp_path / write_range(store, [], 0, 5).path
    left = path.with_name(f".{path.name}.17.tmp")
    left.write_bytes(b"half")
    assert compact_day(store, TOPIC, DAY, LARGE, left.stat().st_mtime + 60.0) == Compacted(0, 0, 0)
    assert left.exists()
    assert compact_day(store, TOPIC, DAY, LARGE, left.stat().st_mtime + 90_000.0) == Compacted(0, 0, 1)
    assert not left.exists()
