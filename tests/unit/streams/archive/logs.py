"""Records of every sort, and archives made of them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hypothesis import strategies as st

from homeostat.schemas.log import LogRecord
from homeostat.streams.archive.columns import FileHead, to_batch, to_parquet
from homeostat.streams.archive.layout import ArchiveFile, day_of
from homeostat.streams.archive.reader import ArchiveReader, Part
from homeostat.streams.archive.store import ArchiveStore

TOPIC = "traces.v1"
HEAD = FileHead(TOPIC, 2, "the topic's id")
START_MS = 1_700_000_000_000
_BYTES = (
    st.none() | st.binary(max_size=20) | st.sampled_from([b'{"tenant": "a"}', b'{"tenant": "b", "arm": "control"}'])
)
_HEADERS = st.lists(st.tuples(st.sampled_from(["ce_type", "hs-control", "ü", ""]), st.binary(max_size=8)), max_size=3)
_KEYS = st.none() | st.sampled_from([b"a", b"b#1", b"\xff"])


def records(most: int = 30) -> st.SearchStrategy[list[LogRecord]]:
    """A partition's log: rising offsets with gaps, times in any order, anything as key, value and headers."""
    steps = st.tuples(st.integers(1, 3), st.integers(-1, 2**41), _KEYS, _BYTES, _HEADERS)
    return st.lists(steps, max_size=most).map(_number)


def _number(steps: list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]) -> list[LogRecord]:
    log, offset = [], -1
    for step, timestamp_ms, key, value, headers in steps:
        offset += step
        log.append(LogRecord(offset, timestamp_ms, key, value, headers))
    return log


def write_range(store: ArchiveStore, log: Sequence[LogRecord], first: int, end: int, partition: int = 0) -> ArchiveFile:
    """Write a file of the records from offset `first` up to but without `end`, whatever other files there are."""
    rows = [record for record in log if first <= record.offset < end]
    file = ArchiveFile(TOPIC, day_of(START_MS), partition, first, end)
    store.write(file, to_parquet(HEAD, [to_batch(TOPIC, partition, rows)]))
    return file


def read_all(folder: Path, partition: int = 0) -> list[LogRecord]:
    """A partition as the reader gives it."""
    return list_records(ArchiveReader(ArchiveStore(str(folder)), TOPIC).read(partition))


def list_records(parts: Iterable[Part]) -> list[LogRecord]:
    """The records of parts as tuples, with lists of headers."""
    found = (record for block, _ in parts for record in block)
    return [LogRecord(each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in found]
