"""One run of the archiver: what a topic has now and the archive has not, then the end."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.errors import BrokerUnavailable
from homeostat.streams.archive.messages import gather_records
from homeostat.streams.archive.position import check_log
from homeostat.streams.archive.shelves import Place, Shelves
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.archive.topic_log import describe_topic, read_ends, reader_config
from homeostat.streams.clock import Clock, SystemClock
from homeostat.streams.settings import ArchiveSettings, KafkaSettings

_POLL_S = 0.05
_BATCH_RECORDS = 2_000
_LIMIT_S = 30.0

Advance = Callable[[int, int], None]
"""Told how many offsets were passed, and how many there are."""


def catch_up(
    kafka: KafkaSettings,
    store: ArchiveStore,
    topic: str,
    limits: ArchiveSettings,
    advance: Advance = lambda _, __: None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Archive every committed record of a topic up to its present ends; gives what was written, as a document.

    Raises `BrokerUnavailable`, `ArchiveUnavailable`, or `TopicsUnfit` for a topic that is not the archive's.
    """
    head = describe_topic(kafka, topic)
    check_log(store, head)
    shelves = Shelves(store, {topic: head}, limits)
    consumer = Consumer(reader_config(kafka, f"{kafka.group_prefix}-archive"))
    try:
        begins = shelves.open(consumer, [(topic, part) for part in range(head.partitions)])
        ends = {place: read_ends(consumer, *place)[1] for place in begins}
        _Run(kafka, consumer, shelves, begins, ends, clock or SystemClock()).read(advance)
        shelves.write_all()
    finally:
        consumer.close()
    rows = [
        {"partition": part, "from_offset": begins[topic, part], "next_offset": shelves.next((topic, part))}
        for part in range(head.partitions)
    ]
    return {"archive": store.location, "topic": topic, "partitions": rows}


class _Run:
    """One reading of partitions from where the archive ends to where the topic ended when it was made."""

    def __init__(
        self,
        kafka: KafkaSettings,
        consumer: Consumer,
        shelves: Shelves,
        begins: dict[Place, int],
        ends: dict[Place, int],
        clock: Clock,
    ) -> None:
        self._kafka = kafka
        self._consumer, self._shelves, self._clock = consumer, shelves, clock
        self._begins, self._ends = begins, ends
        self._open = {place for place, begin in begins.items() if begin < ends[place]}
        self._total = sum(max(0, ends[place] - begin) for place, begin in begins.items())

    def read(self, advance: Advance) -> None:
        """Put everything on the shelves; what comes after the ends is left."""
        self._consumer.assign([TopicPartition(*place, self._begins[place]) for place in self._open])
        waited_s = 0.0
        while self._open:
            messages = self._consumer.consume(_BATCH_RECORDS, timeout=_POLL_S)
            waited_s = 0.0 if messages else waited_s + _POLL_S
            if waited_s >= _LIMIT_S:
                raise BrokerUnavailable(f"no record came for {_LIMIT_S:.0f} s: is the broker up?")
            good = [message for message in messages if message.error() is None]
            while good:
                place, records, taken = gather_records(good, self._kafka)
                del good[:taken]
                if place in self._open:
                    self._take(place, records)
            for message in messages:  # an end comes with the last records: it counts after them
                self._watch(message)
            advance(
                self._total - sum(self._ends[place] - self._shelves.next(place) for place in self._open), self._total
            )

    def _take(self, place: Place, records: list[Any]) -> None:
        end = self._ends[place]
        self._shelves.add(place, [record for record in records if record.offset < end], self._clock.wall_ms())
        if records[-1].offset + 1 >= end:
            self._open.discard(place)

    def _watch(self, message: KafkaMessage) -> None:
        error, place = message.error(), (str(message.topic()), int(message.partition() or 0))
        if error is None:
            return
        if error.code() != KafkaError._PARTITION_EOF:
            raise BrokerUnavailable(f"reading {place[0]}/{place[1]} failed: {error.str()}")
        if (message.offset() or 0) >= self._ends[place]:
            self._open.discard(place)
