"""librdkafka's messages as records, with every header as it is: one without a value keeps its place."""

from typing import Any

from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.log import LogRecord
from homeostat.streams.kafka_message import read_raw_headers
from homeostat.streams.raw_record import read_raw_record
from homeostat.streams.settings import KafkaSettings

Run = tuple[tuple[str, int], list[LogRecord], int]
"""A place, its records, and how many messages they were."""


def gather_records(messages: list[KafkaMessage], kafka: KafkaSettings) -> Run:
    """Take the leading messages that are of one partition. Raises IndexError for none, and `BrokerUnavailable`."""
    place = _place_of(messages[0])
    records = []
    for message in messages:
        if _place_of(message) != place:
            break
        records.append(_record_of(message, kafka))
    return place, records, len(records)


def _place_of(message: KafkaMessage) -> tuple[str, int]:
    return str(message.topic()), int(message.partition() or 0)


def _record_of(message: KafkaMessage, kafka: KafkaSettings) -> LogRecord:
    offset = message.offset() or 0
    try:
        headers = read_raw_headers(message)
    except PoisonRecord:
        return read_raw_record(kafka, *_place_of(message), offset)
    key: Any = message.key()
    value: Any = message.value()
    return LogRecord(offset, message.timestamp()[1], key, value, headers)
