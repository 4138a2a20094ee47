"""Watches how full the embedded broker's partitions are, and whether it has dropped records."""

from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from homeostat.infra.broker.embedded import KEPT_BYTES_PER_PARTITION
from homeostat.schemas.errors import BrokerUnavailable

TYPICAL_RECORD_BYTES = 1_000


class PartitionFill(NamedTuple):
    """A partition's watermarks, and an estimate of the bytes written to it since the broker's start."""

    topic: str
    partition: int
    low: int
    high: int
    estimated_bytes: int

    @property
    def dropped(self) -> int:
        """How many records the broker has dropped: on this broker only dropping moves the low watermark."""
        return self.low

    @property
    def fill_ratio(self) -> float:
        """Estimated bytes over what is kept; 1 or more means that dropping is near or going on."""
        return self.estimated_bytes / KEPT_BYTES_PER_PARTITION

    def explain(self) -> str:
        """One line for a person, with the numbers."""
        state = f"{self.dropped} oldest records DROPPED" if self.dropped else f"about {self.fill_ratio:.0%} full"
        return f"{self.topic}[{self.partition}]: {state} ({self.high} records written)"


class RetentionWatch:
    """Reads the watermarks of all partitions of a broker on demand; it consumes nothing.

    `record_bytes` is the mean size of a record as stored, of which the estimate is made: the broker does not tell it.
    """

    def __init__(self, address: str, record_bytes: int = TYPICAL_RECORD_BYTES, limit_s: float = 5.0) -> None:
        self._record_bytes = record_bytes
        self._limit_s = limit_s
        settings = {"bootstrap.servers": address, "group.id": "homeostat-retention-watch", "log_level": 0}
        self._consumer = Consumer(settings)

    def look(self) -> list[PartitionFill]:
        """All partitions, the fullest first, those that lost records before all; raises BrokerUnavailable."""
        try:
            topics = self._consumer.list_topics(timeout=self._limit_s).topics.values()
            fills = [self._measure(topic.topic, partition) for topic in topics for partition in topic.partitions]
        except KafkaException as error:
            raise BrokerUnavailable(f"the embedded broker did not answer: {error.args[0].str()}") from error
        return sorted(fills, key=lambda fill: (-fill.dropped, -fill.estimated_bytes, fill.topic, fill.partition))

    def find_dropped(self) -> Sequence[PartitionFill]:
        """The partitions that lost records; empty while the broker has kept everything."""
        return [fill for fill in self.look() if fill.dropped]

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()

    def _measure(self, topic: str, partition: int) -> PartitionFill:
        where = TopicPartition(topic, partition)
        low, high = self._consumer.get_watermark_offsets(where, timeout=self._limit_s)
        return PartitionFill(topic, partition, low, high, high * self._record_bytes)
