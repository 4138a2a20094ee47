"""The shelves of all partitions that one process archives, within a bound of memory."""

from collections.abc import Mapping, Sequence

import structlog
from confluent_kafka import Consumer

from homeostat.schemas.errors import TopicsUnfit
from homeostat.schemas.log import LogRecord
from homeostat.streams import metrics
from homeostat.streams.archive.columns import FileHead
from homeostat.streams.archive.position import find_newest
from homeostat.streams.archive.shelf import Shelf
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.archive.topic_log import read_ends
from homeostat.streams.settings import ArchiveSettings

log = structlog.get_logger(__name__)

Place = tuple[str, int]
"""(topic, partition)."""


class Shelves:
    """Opens a shelf for each place, where the archive ends, and writes a file when one is full, old or too many are."""

    def __init__(self, store: ArchiveStore, heads: Mapping[str, FileHead], limits: ArchiveSettings) -> None:
        self._store, self._heads, self._limits = store, heads, limits
        self._shelves: dict[Place, Shelf] = {}

    def open(self, consumer: Consumer, places: Sequence[Place]) -> dict[Place, int]:
        """Begin at these places, anew if they were open; gives the offset from which each is to be read.

        Raises `ArchiveUnavailable`, `BrokerUnavailable`, or `TopicsUnfit` where the archive is ahead of the broker.
        """
        for topic in {topic for topic, _ in places}:
            partitions = {part for of, part in places if of == topic}
            newest = find_newest(self._store, topic, partitions)
            for part in sorted(partitions):
                low, high = read_ends(consumer, topic, part)
                file = newest.get(part)
                begin = low if file is None else _begin_at(self._store.location, topic, part, file.next, (low, high))
                day = None if file is None else file.day
                self._shelves[topic, part] = Shelf(self._store, self._heads[topic], part, begin, day)
        return {place: self._shelves[place].next for place in places}

    def close(self, places: Sequence[Place]) -> None:
        """Forget these places; what was not written is read again by whoever opens them next."""
        for place in places:
            self._shelves.pop(place, None)

    def __contains__(self, place: Place) -> bool:
        return place in self._shelves

    def next(self, place: Place) -> int:
        """The offset after the last record that was taken."""
        return self._shelves[place].next

    def written(self) -> dict[Place, int]:
        """By place, up to which offset the archive has everything."""
        return {place: shelf.written for place, shelf in self._shelves.items()}

    def add(self, place: Place, records: Sequence[LogRecord], now_ms: int) -> None:
        """Take records of a place and write what is due by size."""
        self._shelves[place].add(records, now_ms)
        self.write_full()

    def write_full(self) -> None:
        """Write shelves that make a file, then the largest ones until what is held is within the bound."""
        for shelf in self._shelves.values():
            if shelf.bytes >= self._limits.file_bytes:
                shelf.flush()
        while (held := sum(shelf.bytes for shelf in self._shelves.values())) > self._limits.buffer_bytes:
            max(self._shelves.values(), key=lambda shelf: shelf.bytes).flush()
        metrics.ARCHIVE_BUFFER.set(held)

    def write_old(self, now_ms: int) -> None:
        """Write shelves whose oldest record has waited for the interval."""
        limit_ms = round(self._limits.flush_interval_s * 1000)
        for shelf in self._shelves.values():
            if shelf.bytes and now_ms - shelf.oldest_ms >= limit_ms:
                shelf.flush()

    def write_all(self, places: Sequence[Place] | None = None) -> None:
        """Write everything that is held, of all places or of these."""
        for place, shelf in self._shelves.items():
            if places is None or place in places:
                shelf.flush()


def _begin_at(location: str, topic: str, partition: int, position: int, ends: tuple[int, int]) -> int:
    low, high = ends
    if position > high:
        raise TopicsUnfit(
            f"{location} has {topic}/{partition} up to offset {position}, the broker's ends at {high}: "
            "it lost records, or this is another installation's archive; give this one a location of its own"
        )
    if low > position:
        metrics.ARCHIVE_LOST.labels(topic=topic).inc(low - position)
        log.error(
            "offsets were lost before they were archived", topic=topic, partition=partition, first=position, next=low
        )
    return max(low, position)
