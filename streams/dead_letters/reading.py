"""Reads the dead-letter topic from its beginning to the end found at the start, each letter once."""

from collections.abc import Iterator
from typing import NamedTuple

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.dead_letter import DeadLetter
from homeostat.schemas.errors import BrokerUnavailable, PoisonRecord, TopicsUnfit
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import DEAD_LETTERS
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.watermarks import read_watermarks

log = structlog.get_logger("homeostat.dead_letters")

_LIMIT_S = 20.0


class StoredLetter(NamedTuple):
    """A letter and where it lies in the dead-letter topic."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def place(self) -> str:
        """`partition/offset`, as the commands name a letter."""
        return f"{self.partition}/{self.offset}"


class Selection(NamedTuple):
    """Which letters are meant; None leaves that open."""

    reason: Refusal | None = None
    tenant: str | None = None
    place: str | None = None

    def holds(self, stored: StoredLetter) -> bool:
        """Whether a letter is one of them."""
        wanted = ((self.reason, stored.letter.reason), (self.tenant, stored.letter.tenant), (self.place, stored.place))
        return all(want is None or want == found for want, found in wanted)


def read_letters(kafka: KafkaSettings, selection: Selection | None = None) -> Iterator[StoredLetter]:
    """Letters in log order, partition after partition; repeats of a restarted worker are left out.

    What is no letter is logged and left out. Raises `BrokerUnavailable`, `TopicsUnfit` if the topic does not exist.
    """
    consumer = Consumer(
        {
            **client_config(kafka),
            "group.id": f"{kafka.group_prefix}-dlq-reader",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        for partition in _find_partitions(consumer):
            yield from _read_partition(consumer, partition, selection or Selection())
    except KafkaException as error:
        raise BrokerUnavailable(f"{kafka.bootstrap_servers}: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _find_partitions(consumer: Consumer) -> list[int]:
    topic = consumer.list_topics(DEAD_LETTERS, timeout=_LIMIT_S).topics[DEAD_LETTERS]
    if topic.error is not None:
        raise TopicsUnfit(f"{DEAD_LETTERS} does not exist: run `homeostat topics create`")
    return sorted(topic.partitions)


def _read_partition(consumer: Consumer, partition: int, selection: Selection) -> Iterator[StoredLetter]:
    end = read_watermarks(consumer, DEAD_LETTERS, partition, _LIMIT_S)[1]
    seen: set[tuple[str, int, int]] = set()
    for message in _read_until(consumer, partition, end):
        try:
            letter, _ = parse_message(DeadLetter, message.value())
        except PoisonRecord as error:
            log.warning("not a dead letter", partition=partition, offset=message.offset(), reason=error.reason)
            continue
        source = (letter.topic, letter.partition, letter.offset)
        stored = StoredLetter(partition, message.offset() or 0, letter)
        if source not in seen and selection.holds(stored):
            yield stored
        seen.add(source)


def _read_until(consumer: Consumer, partition: int, end: int) -> Iterator[KafkaMessage]:
    consumer.assign([TopicPartition(DEAD_LETTERS, partition, OFFSET_BEGINNING)])
    position = 0
    while position < end:
        message = consumer.poll(_LIMIT_S)
        if message is None:
            raise BrokerUnavailable(f"{DEAD_LETTERS}[{partition}] gave nothing for {_LIMIT_S:g} s before offset {end}")
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        position = (message.offset() or 0) + 1
        yield message
