"""Topics in memory: partitions by murmur2, offsets by row, as Kafka would number them."""

from collections.abc import Collection, Mapping, Sequence

from homeostat.schemas.log import LogRecord, Output, Record
from homeostat.schemas.partition import partition_of
from homeostat.schemas.topics import TOPICS, Spread

Place = tuple[str, str, int]
"""(reader, topic, partition)."""


class PartitionLog:
    """One partition. A log that is not retained forgets what its readers have passed, but not its offsets."""

    def __init__(self, retained: bool) -> None:
        self._retained = retained
        self._records: list[LogRecord] = []
        self._first = 0
        self._next = 0

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self._next

    def append(self, record: LogRecord) -> None:
        """Append a record under its own offset. Raises ValueError where that offset is in the past."""
        if record.offset < self._next:
            raise ValueError(f"offset {record.offset} < {self._next}: a log only grows")
        self._records.append(record)
        self._next = record.offset + 1

    def pass_by(self, records: Sequence[Record]) -> None:
        """Count records that are handed to their one reader and not kept. Raises ValueError as `append` does."""
        if self._records or records[0].offset < self._next:
            raise ValueError(f"offset {records[0].offset} < {self._next}, or others are kept: a log only grows")
        self._first += len(records)
        self._next = records[-1].offset + 1

    def read(self, position: int) -> list[LogRecord]:
        """What is kept beyond the first `position` records."""
        return self._records[max(0, position - self._first) :]

    def count(self) -> int:
        """How many records were ever appended."""
        return self._first + len(self._records)

    def forget(self, position: int) -> None:
        """Drop what a reader has read, unless the log is retained."""
        if not self._retained and position > self._first:
            del self._records[: position - self._first]
            self._first = position


class LogStore:
    """Every topic of the table, with the platform's number of partitions.

    `retained` names the topics whose records are kept; None keeps all.
    """

    def __init__(self, partitions: int, retained: Collection[str] | None = None) -> None:
        self._partitions = partitions
        self._retained = retained
        self._logs: dict[tuple[str, int], PartitionLog] = {}

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises KeyError for a topic that is not in the table."""
        return 1 if TOPICS[topic].spread is Spread.SINGLE else self._partitions

    def log(self, topic: str, partition: int) -> PartitionLog:
        """One partition's log. Raises IndexError for one that the topic does not have."""
        if not 0 <= partition < self.partitions(topic):
            raise IndexError(f"{topic} has {self.partitions(topic)} partitions, there is no {partition}")
        key = (topic, partition)
        if key not in self._logs:
            self._logs[key] = PartitionLog(self.retains(topic))
        return self._logs[key]

    def retains(self, topic: str) -> bool:
        """Whether a topic's records are all kept."""
        return self._retained is None or topic in self._retained

    def send(self, output: Output) -> tuple[int, int]:
        """Append an output where its partition or key says; gives (partition, offset)."""
        partition = self.partition_for(output)
        log = self.log(output.topic, partition)
        offset = log.end
        log.append(LogRecord(offset, output.timestamp, output.key, output.value, output.headers))
        return partition, offset

    def partition_for(self, output: Output) -> int:
        """The partition that an output names, or that its key falls into."""
        if output.partition is not None:
            return output.partition
        return partition_of(output.key, self.partitions(output.topic))

    def records(self, topic: str) -> list[LogRecord]:
        """What is kept of a topic, partition after partition."""
        return [record for part in range(self.partitions(topic)) for record in self.log(topic, part).read(0)]

    def forget_read(self, positions: Mapping[Place, int]) -> None:
        """Forget what all readers of a log have read; a log without readers keeps nothing unless it is retained."""
        for (topic, partition), log in self._logs.items():
            read = [count for (_, of, part), count in positions.items() if (of, part) == (topic, partition)]
            log.forget(min(read, default=log.count()))

    def counts(self) -> dict[str, int]:
        """How many records each topic was ever given, by name; topics without any are left out."""
        counts: dict[str, int] = {}
        for (topic, _), log in sorted(self._logs.items()):
            counts[topic] = counts.get(topic, 0) + log.count()
        return {topic: count for topic, count in counts.items() if count}
