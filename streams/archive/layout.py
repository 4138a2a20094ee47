"""Which offsets an archive's files hold, by their names alone.

`TOPIC/day=YYYY-MM-DD/TOPIC-PARTITION-FIRST-NEXT.parquet` holds every record of that partition from offset FIRST up to
but without NEXT. What a record is at an offset never changes, so files may overlap (a writer was killed, stalled or
replaced, files were merged): `cover` takes each offset from one of them. Any other name is not part of the archive.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Self

_NAME = re.compile(r"([A-Za-z0-9._-]{1,249})-(\d{5})-(\d{20})-(\d{20})\.parquet")
_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")
DAY_MS = 86_400_000


class ArchiveFile(NamedTuple):
    """One file: the records of one partition and one day of log time, from `first` up to but without `next`."""

    topic: str
    day: str
    partition: int
    first: int
    next: int

    @property
    def folder(self) -> str:
        """Its folder, relative to the archive."""
        return f"{self.topic}/day={self.day}"

    @property
    def path(self) -> str:
        """Where it lies, relative to the archive."""
        return f"{self.folder}/{self.topic}-{self.partition:05d}-{self.first:020d}-{self.next:020d}.parquet"

    @classmethod
    def parse(cls, folder: str, name: str) -> Self | None:
        """Read a folder's and a file's name; None for a file that is not part of an archive."""
        found, day = _NAME.fullmatch(name), _DAY.fullmatch(folder)
        if found is None or day is None or int(found[3]) >= int(found[4]):
            return None
        return cls(found[1], day[1], int(found[2]), int(found[3]), int(found[4]))


class Span(NamedTuple):
    """What to read of a file: its records from offset `first` on."""

    file: ArchiveFile
    first: int


class Gap(NamedTuple):
    """Offsets of a partition, from `first` up to but without `next`, that the archive does not have."""

    partition: int
    first: int
    next: int


class Cover(NamedTuple):
    """Files of one partition that hold every offset once, in order; what is missing between them; spare files."""

    spans: list[Span]
    gaps: list[Gap]
    spare: list[ArchiveFile]


def cover(files: Iterable[ArchiveFile]) -> Cover:
    """Choose what to read of one partition's files, whatever their overlaps; no files give nothing.

    >>> a, b, c = (ArchiveFile("t", "2026-01-01", 0, first, next) for first, next in ((0, 4), (2, 6), (8, 9)))
    >>> [(span.file.first, span.first) for span in cover([c, b, a]).spans], cover([c, b, a]).gaps
    ([(0, 0), (2, 4), (8, 8)], [Gap(partition=0, first=6, next=8)])
    """
    spans: list[Span] = []
    gaps: list[Gap] = []
    spare: list[ArchiveFile] = []
    position = -1
    for file in sorted(files, key=lambda each: (each.first, -each.next, each.day)):
        if file.next <= position:
            spare.append(file)
            continue
        if 0 <= position < file.first:
            gaps.append(Gap(file.partition, position, file.first))
        spans.append(Span(file, max(position, file.first)))
        position = file.next
    return Cover(spans, gaps, spare)


def day_of(time_ms: int) -> str:
    """The day (UTC) of a time in ms since the epoch.

    >>> day_of(1_700_000_000_000)
    '2023-11-14'
    """
    return datetime.fromtimestamp(time_ms / 1000, UTC).date().isoformat()


def start_of(day: str) -> int:
    """The first ms of a day. Raises ValueError for what is no day.

    >>> start_of("1970-01-02")
    86400000
    """
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
