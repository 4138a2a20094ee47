"""Where a backtest's log comes from: a dump of a topic in one file, or an archive in a folder or an object store."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from homeostat.schemas.log import LogRecord
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.backtest.dump_file import Advance, DumpHead, DumpRow, read_dump


class LogSource(Protocol):
    """The log of one topic: partitions in the order of their offsets."""

    @property
    def name(self) -> str: ...
    @property
    def head(self) -> DumpHead: ...
    @property
    def notes(self) -> Sequence[str]:
        """What a reader of findings has to know: offsets that are missing."""
        ...

    def partitions(self) -> Sequence[tuple[int, Iterable[LogRecord]]]:
        """Every partition that has records, and its records, to be read once."""
        ...


class DumpSource:
    """A dump; its records are kept in memory, because its partitions lie in it in any order."""

    def __init__(self, path: Path, head: DumpHead, advance: Advance = lambda _: None) -> None:
        self.name, self.head = str(path), head
        self.notes: Sequence[str] = ()
        self._path, self._advance = path, advance

    def partitions(self) -> Sequence[tuple[int, Iterable[LogRecord]]]:
        """The partitions, read whole."""
        partitions: dict[int, list[LogRecord]] = {}
        for partition, record in read_dump(self._path, self._advance):
            partitions.setdefault(partition, []).append(record)
        return sorted(partitions.items())


class ArchiveSource:
    """An archive; of each partition one file at a time is in memory."""

    def __init__(self, name: str, reader: ArchiveReader, advance: Advance = lambda _: None) -> None:
        self.name, self.head = name, DumpHead(reader.topic, reader.head.partitions)
        self.notes = [
            f"partition {gap.partition}: offsets {gap.first} to {gap.next - 1} are not in the archive"
            for gap in reader.gaps
        ]
        self._reader, self._advance, self._passed = reader, advance, 0

    def partitions(self) -> Sequence[tuple[int, Iterable[LogRecord]]]:
        """The partitions, each read file by file as it is asked for."""
        return [(number, self._reader.read(number, self._pass)) for number in self._reader.partitions]

    def _pass(self, offsets: int) -> None:
        self._passed += offsets
        self._advance(self._passed)


class Counted:
    """Records that are counted as they are read."""

    def __init__(self, records: Iterable[LogRecord]) -> None:
        self._records = records
        self.count = 0

    def __iter__(self) -> Iterator[LogRecord]:
        for record in self._records:
            self.count += 1
            yield record


def merge_partitions(partitions: Iterable[tuple[int, Iterable[LogRecord]]]) -> Iterator[DumpRow]:
    """Bring partitions into one order of time without changing the order within any."""
    timed = [_time(partition, records) for partition, records in partitions]
    for _, partition, _, record in heapq.merge(*timed, key=_PLACE):
        yield DumpRow(partition, record)


_PLACE: Callable[[tuple[int, int, int, LogRecord]], tuple[int, int, int]] = itemgetter(0, 1, 2)


def _time(partition: int, records: Iterable[LogRecord]) -> Iterator[tuple[int, int, int, LogRecord]]:
    time_ms = 0
    for record in records:
        time_ms = max(time_ms, record.timestamp)
        yield time_ms, partition, record.offset, record
