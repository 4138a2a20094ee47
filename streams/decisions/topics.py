"""Where the records of a decision are read from: the broker, or an archive."""

from collections.abc import Iterator
from typing import Protocol

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.audit.entries import Place
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.settings import KafkaSettings


class Topics(Protocol):
    """Records of a topic with their places, partition after partition or mixed, offsets of each rising."""

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        ...

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        """Its records; raises `DocumentInvalid` for a topic that is not kept here."""
        ...


class BrokerTopics:
    """Topics as the broker has them now."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises `BrokerUnavailable` or `TopicsUnfit`."""
        with TopicReader(self._kafka, topic) as reader:
            return reader.head.partitions

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        """Its records up to the present ends."""
        with TopicReader(self._kafka, topic) as reader:
            for partition, record in reader.read():
                yield Place(topic, partition, record.offset), record


class ArchiveTopics:
    """Topics of an archive; raises `DocumentInvalid` for one that it does not have."""

    def __init__(self, location: str) -> None:
        self._store = ArchiveStore(location)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return ArchiveReader(self._store, topic).head.partitions

    def read(self, topic: str) -> Iterator[tuple[Place, LogRecord]]:
        """Its records, each offset once; a partition with a hole in it is refused."""
        reader = ArchiveReader(self._store, topic)
        if reader.gaps:
            gap = reader.gaps[0]
            raise DocumentInvalid(
                f"{self._store.location} lacks {topic}/{gap.partition} offsets {gap.first} to {gap.next - 1}: "
                "run `homeostat archive check`"
            )
        for partition in reader.partitions:
            for part in reader.read(partition):
                for record in part.block:
                    kept = LogRecord(record.offset, record.timestamp, record.key, record.value, list(record.headers))
                    yield Place(topic, partition, record.offset), kept
