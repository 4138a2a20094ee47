"""librdkafka's messages as records, with every header as it is: one without a value keeps its place."""

from typing import Any

from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.log import LogRecord

Run = tuple[tuple[str, int], list[LogRecord], int]
"""A place, its records, and how many messages they were."""


def gather_records(messages: list[KafkaMessage]) -> Run:
    """Take the leading messages that are of one partition. Raises IndexError for none."""
    place = _place_of(messages[0])
    records = []
    for message in messages:
        if _place_of(message) != place:
            break
        records.append(_record_of(message))
    return place, records, len(records)


def _place_of(message: KafkaMessage) -> tuple[str, int]:
    return str(message.topic()), int(message.partition() or 0)


def _record_of(message: KafkaMessage) -> LogRecord:
    headers: Any = message.headers() or []
    key: Any = message.key()
    value: Any = message.value()
    return LogRecord(message.offset() or 0, message.timestamp()[1], key, value, headers)
