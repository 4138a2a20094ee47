"""Where a backtest's log comes from: a dump of a topic in one file, or an archive in a folder or an object store."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import LogRecord
from homeostat.streams.archive.reader import ArchiveReader, Part
from homeostat.streams.backtest.dump_file import Advance, DumpHead, read_dump

_PART_RECORDS = 20_000


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

    def partitions(self) -> Sequence[tuple[int, Iterable[Part]]]:
        """Every partition that has records, and its records, to be read once."""
        ...


class DumpSource:
    """A dump; its records are kept in memory, because its partitions lie in it in any order."""

    def __init__(self, path: Path, head: DumpHead, advance: Advance = lambda _: None) -> None:
        self.name, self.head = str(path), head
        self.notes: Sequence[str] = ()
        self._path, self._advance = path, advance

    def partitions(self) -> Sequence[tuple[int, Iterable[Part]]]:
        """The partitions, read whole."""
        parts: dict[int, list[Part]] = {}
        loose: dict[int, list[LogRecord]] = {}
        for partition, record in read_dump(self._path, self._advance):
            records = loose.setdefault(partition, [])
            records.append(record)
            if len(records) == _PART_RECORDS:
                parts.setdefault(partition, []).append(pack_part(records))
                records.clear()
        return [(number, [*parts.get(number, []), pack_part(records)]) for number, records in sorted(loose.items())]


class ArchiveSource:
    """An archive; of each partition one file at a time is in memory."""

    def __init__(self, name: str, reader: ArchiveReader, advance: Advance = lambda _: None) -> None:
        self.name, self.head = name, DumpHead(reader.topic, reader.head.partitions)
        self.notes = [
            f"partition {gap.partition}: offsets {gap.first} to {gap.next - 1} are not in the archive"
            for gap in reader.gaps
        ]
        self._reader, self._advance, self._passed = reader, advance, 0

    def partitions(self) -> Sequence[tuple[int, Iterable[Part]]]:
        """The partitions, each read file by file as it is asked for."""
        return [(number, self._reader.read(number, self._pass)) for number in self._reader.partitions]

    def _pass(self, offsets: int) -> None:
        self._passed += offsets
        self._advance(self._passed)


def pack_part(records: Sequence[LogRecord]) -> Part:
    """Pack records as a part."""
    controls = [at for at, record in enumerate(records) if find_header(record.headers, CONTROL_HEADER) is not None]
    return Part(RecordBlock.of(records), np.array(controls, np.int64))
