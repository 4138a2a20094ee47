"""Files hold records exactly; overlaps, other files and half-written ones do not show."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.streams import failpoints
from homeostat.streams.archive.columns import GROUP_RECORDS, HEAD_KEY, to_batch, to_parquet
from homeostat.streams.archive.layout import ArchiveFile, Gap, Span
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.errors import ArchiveUnavailable, SettingsInvalid
from tests.unit.streams.archive.logs import HEAD, START_MS, TOPIC, list_records, read_all, records, write_range


@given(log=records(), cuts=st.lists(st.tuples(st.integers(0, 80), st.integers(1, 60)), max_size=5))
def test_every_record_comes_back_exactly_and_once(
    log: list[LogRecord], cuts: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    store = ArchiveStore(str(folder))
    end = max((record.offset for record in log), default=0) + 1
    write_range(store, log, 0, end)
    for first, size in cuts:
        write_range(store, log, first, min(first + size, end)) if first < end else None
    assert read_all(folder) == log


def test_a_header_without_a_value_is_none_in_the_file_and_empty_to_a_stage(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    odd = LogRecord(0, START_MS, b"a", None, [("here", b"1"), ("gone", None)])  # type: ignore[list-item] # as Kafka has it
    file = write_range(store, [odd, odd._replace(offset=1, headers=[])], 0, 2)
    assert pq.read_table(tmp_path / file.path)["headers"].to_pylist()[0][1] == {"name": "gone", "value": None}
    assert [record.headers for record in read_all(tmp_path)] == [[("here", b"1"), ("gone", b"")], []]


def test_rows_are_sorted_by_tenant_so_that_one_tenant_is_found_by_statistics(tmp_path: Path) -> None:
    tenants = [f"tenant-{number % 100:03d}" for number in range(3 * GROUP_RECORDS)]
    log = [
        LogRecord(offset, START_MS, tenant.encode(), b'{"tenant":"%s"}' % tenant.encode(), [])
        for offset, tenant in enumerate(tenants)
    ]
    store = ArchiveStore(str(tmp_path))
    file = write_range(store, log, 0, len(log))
    metadata = pq.read_metadata(tmp_path / file.path)
    place = metadata.schema.names.index("tenant")
    groups = [metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups)]
    assert len(groups) == 3
    assert sum(group.min <= "tenant-007" <= group.max for group in groups) == 1
    rows = pq.read_table(tmp_path, filters=[("tenant", "=", "tenant-007")])
    assert rows["offset"].to_pylist() == list(range(7, len(log), 100))
    assert {str(day) for day in rows["day"].to_pylist()} == {file.day}
    assert read_all(tmp_path) == log


def test_offsets_that_are_missing_are_named(tmp_path: Path) -> None:
    log = [LogRecord(offset, START_MS, b"a", b"{}", []) for offset in range(10)]
    store = ArchiveStore(str(tmp_path))
    write_range(store, log, 0, 4)
    write_range(store, log, 6, 10)
    reader = ArchiveReader(store, TOPIC)
    assert reader.gaps == [Gap(0, 4, 6)]
    assert reader.offsets == 8
    passed: list[int] = []
    assert [record.offset for record in list_records(reader.read(0, passed.append))] == [0, 1, 2, 3, 6, 7, 8, 9]
    assert passed == [4, 4]


@pytest.mark.parametrize("point", ["archive.before_write", "archive.half_written", "archive.before_rename"])
def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path, point: str) -> None:
    log = [LogRecord(offset, START_MS, b"a", b"{}", []) for offset in range(10)]
    store = ArchiveStore(str(tmp_path))
    write_range(store, log, 0, 5)
    failpoints.arm(f"{point}:raise")
    with pytest.raises(failpoints.FailpointReached):
        write_range(store, log, 5, 10)
    assert read_all(tmp_path) == log[:5]
    write_range(store, log, 5, 10)
    assert read_all(tmp_path) == log


def test_a_folder_without_the_topic_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(DocumentInvalid, match=r"nothing of traces\.v1 in these days; it has nothing"):
        ArchiveReader(ArchiveStore(str(tmp_path / "none")), TOPIC)
    write_range(ArchiveStore(str(tmp_path)), [], 0, 1)
    with pytest.raises(DocumentInvalid, match=r"it has traces\.v1"):
        ArchiveReader(ArchiveStore(str(tmp_path)), "alarms.v1")
    with pytest.raises(DocumentInvalid, match="in these days"):
        ArchiveReader(ArchiveStore(str(tmp_path)), TOPIC, "2030-01-01")


def test_files_of_another_log_are_refused(tmp_path: Path) -> None:
    store = ArchiveStore(str(tmp_path))
    first = write_range(store, [], 0, 5)
    log = [LogRecord(5, START_MS, b"a", b"{}", [])]
    other = first._replace(first=5, next=6)
    store.write(other, to_parquet(HEAD._replace(log="made again"), [to_batch(TOPIC, 0, log)]))
    with pytest.raises(DocumentInvalid, match="another log"):
        read_all(tmp_path)
    table = pq.read_table(tmp_path / first.path)
    pq.write_table(table.replace_schema_metadata({HEAD_KEY: b"{}"}), tmp_path / other.path)
    with pytest.raises(DocumentInvalid, match="no file of a homeostat-archive-1"):
        ArchiveReader(store, TOPIC).read_columns(Span(other, 5))


def test_what_cannot_be_reached_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="give a folder, file://"):
        ArchiveStore("ftp://somewhere/archive")
    (tmp_path / "file").write_text("")
    store = ArchiveStore(f"file://{tmp_path}/file")
    with pytest.raises(ArchiveUnavailable, match="cannot be written"):
        write_range(store, [], 0, 1)
    with pytest.raises(ArchiveUnavailable, match="run again"):
        store.open(ArchiveFile(TOPIC, "2026-01-01", 0, 0, 1))
