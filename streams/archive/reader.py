"""Reads an archive: the records of a partition in order of their offsets, each once, whatever its files' overlaps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.errors import DocumentInvalid
from homeostat.streams.archive.columns import RECORD_COLUMNS, FileHead, read_file_head
from homeostat.streams.archive.layout import ArchiveFile, Gap, Span, cover
from homeostat.streams.archive.record_columns import RecordColumns
from homeostat.streams.archive.store import ArchiveStore

Advance = Callable[[int], None]


class Part(NamedTuple):
    """Consecutive records of a partition, and where among them control records are."""

    block: RecordBlock
    controls: NDArray[np.int64]


class ArchiveReader:
    """One topic of an archive, of the days from `from_day` to `to_day` (both included; None: no bound)."""

    def __init__(self, store: ArchiveStore, topic: str, from_day: str | None = None, to_day: str | None = None) -> None:
        """Raises `DocumentInvalid` where the archive has nothing of that topic and time."""
        self._store = store
        self.topic = topic
        days = [day for day in store.days(topic) if (from_day or day) <= day <= (to_day or day)]
        self.files = [file for day in days for file in store.files(topic, day)]
        if not self.files:
            has = ", ".join(store.topics()) or "nothing"
            raise DocumentInvalid(f"{store.location} has nothing of {topic} in these days; it has {has}")
        self.head = self._read_head(self.files[-1])
        numbers = sorted({file.partition for file in self.files})
        self._covers = {number: cover(file for file in self.files if file.partition == number) for number in numbers}

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions that have records here."""
        return list(self._covers)

    @property
    def gaps(self) -> list[Gap]:
        """Offsets between the first and the last of a partition that the archive does not have."""
        return [gap for each in self._covers.values() for gap in each.gaps]

    @property
    def offsets(self) -> int:
        """How many offsets the archive covers; some may have no record (transactions' own)."""
        return sum(span.file.next - span.first for each in self._covers.values() for span in each.spans)

    def describe(self) -> dict[str, Any]:
        """What is here, as a document."""
        rows = [
            {
                "partition": partition,
                "first": each.spans[0].first,
                "next": each.spans[-1].file.next,
                "files": len(each.spans),
                "not_needed": len(each.spare),
                "gaps": [{"first": gap.first, "next": gap.next} for gap in each.gaps],
            }
            for partition, each in self._covers.items()
        ]
        days = sorted({file.day for file in self.files})
        about = {"archive": self._store.location, "topic": self.topic, "partition_count": self.head.partitions}
        return {**about, "from_day": days[0], "to_day": days[-1], "files": len(self.files), "partitions": rows}

    def read(self, partition: int, advance: Advance = lambda _: None) -> Iterator[Part]:
        """The records of a partition, a part a file; `advance` is told how many offsets were passed since before.

        One file is held at a time. Raises `DocumentInvalid` for a file of another log.
        """
        for span in self._covers[partition].spans:
            columns = self.read_columns(span)
            yield Part(columns.block(), columns.places_with(CONTROL_HEADER))
            advance(span.file.next - span.first)

    def read_columns(self, span: Span) -> RecordColumns:
        """What is wanted of one file, as columns in order of the offsets."""
        with self._store.open(span.file) as source, pq.ParquetFile(source) as file:
            head = read_file_head(file, span.file.path)
            if head != self.head:
                raise DocumentInvalid(
                    f"{span.file.path} was read from another log than others: keep one log an archive"
                )
            return RecordColumns(file.read(RECORD_COLUMNS, use_threads=False), span.first)

    def _read_head(self, file: ArchiveFile) -> FileHead:
        with self._store.open(file) as source, pq.ParquetFile(source) as parquet:
            return read_file_head(parquet, file.path)
