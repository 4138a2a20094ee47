"""Reads a topic from Kafka as it is: every record up to its present end, exact offsets, times and headers."""

from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.errors import BrokerUnavailable, PoisonRecord, TopicsUnfit
from homeostat.schemas.log import LogRecord
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow
from homeostat.streams.kafka_config import client_config
from homeostat.streams.kafka_message import read_headers
from homeostat.streams.raw_record import read_raw_record
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.watermarks import read_watermarks

_POLL_S = 0.02
"""How long a poll gathers records; a topic that holds few is read in two or three of them."""
_BATCH_RECORDS = 1_000


class TopicReader:
    """One topic, read committed, from its beginning to the ends that it has when the reader is made.

    A context manager; it joins no group and commits nothing.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, limit_s: float = 30.0) -> None:
        """Raises `BrokerUnavailable` where no broker answers, `TopicsUnfit` where there is no such topic."""
        self._kafka, self._limit_s = kafka, limit_s
        self._consumer = Consumer(
            {
                **client_config(kafka),
                "group.id": f"{kafka.group_prefix}-dump",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 2,
                "fetch.wait.max.ms": 20,
            }
        )
        self._topic = topic
        self._open = self._find_ends()
        self.head = DumpHead(topic, len(self._open))
        self.total = sum(end - begin for begin, end in self._open.values())

    @property
    def ends(self) -> dict[int, tuple[int, int]]:
        """By partition, its first offset and the one after its last, when the reader was made."""
        return dict(self._open)

    def __enter__(self) -> "TopicReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self, advance: Callable[[int], None] = lambda _: None) -> Iterator[DumpRow]:
        """The records, partition by partition as they come; `advance` is told the offsets passed."""
        open_ = {part: ends for part, ends in self._open.items() if ends[0] < ends[1]}
        passed = dict.fromkeys(open_, 0)
        self._consumer.assign([TopicPartition(self._topic, part, begin) for part, (begin, _) in open_.items()])
        while open_:
            for message in self._poll():
                part, offset = message.partition() or 0, message.offset() or 0
                if part not in open_:
                    continue
                begin, end = open_[part]
                if message.error() is None and offset < end:
                    yield DumpRow(part, self._record_of(message))
                passed[part] = min(offset + 1, end) - begin
                if offset + 1 >= end or message.error() is not None:
                    passed[part] = end - begin
                    del open_[part]
            advance(sum(passed.values()))

    def _record_of(self, message: KafkaMessage) -> LogRecord:
        offset, (_, timestamp_ms) = message.offset() or 0, message.timestamp()
        try:
            headers = read_headers(message)
        except PoisonRecord:
            return read_raw_record(self._kafka, self._topic, message.partition() or 0, offset)
        return LogRecord(offset, timestamp_ms, _as_bytes(message.key()), _as_bytes(message.value()), headers)

    def _poll(self) -> list[KafkaMessage]:
        waited_s = 0.0
        while waited_s < self._limit_s:
            messages = self._consumer.consume(_BATCH_RECORDS, timeout=_POLL_S)
            for message in messages:
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise BrokerUnavailable(f"reading {self._topic} failed: {error.str()}")
            if messages:
                return messages
            waited_s += _POLL_S
        raise BrokerUnavailable(f"{self._topic}: no record came for {self._limit_s:.0f} s; is the broker up?")

    def _find_ends(self) -> dict[int, tuple[int, int]]:
        try:
            found = self._consumer.list_topics(self._topic, timeout=self._limit_s).topics[self._topic]
            if found.error is not None:
                raise TopicsUnfit(f"{self._topic}: {found.error.str()}: name a topic that the broker has")
            return {part: self._watermarks(part) for part in sorted(found.partitions)}
        except KafkaException as error:
            self._consumer.close()
            raise BrokerUnavailable(f"no broker answers ({error}): start one, or give --bootstrap") from None

    def _watermarks(self, partition: int) -> tuple[int, int]:
        return read_watermarks(self._consumer, self._topic, partition, self._limit_s)


def _as_bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
