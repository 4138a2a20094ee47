"""The records that decided: read back from `traces.v1` at the marks of the decisions, when the run is over."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from confluent_kafka import Message, TopicPartition

from bench.latency.clients import make_consumer
from bench.latency.traces import slot_of
from bench.latency.watch import Mark
from homeostat.schemas.headers import CE_ID, CE_TYPE, find_header
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import WorkTrace
from homeostat.streams.kafka_message import read_headers

_LIMIT_S = 30.0


class Deciding(NamedTuple):
    """The slot of a deciding trace; None for a record that is none of the load's, and then when the broker had it."""

    slot: int | None
    appended_ms: int


def read_deciding(address: str, marks: Collection[Mark]) -> Mapping[Mark, Deciding]:
    """What lies at each mark."""
    consumer, found = make_consumer(address, "bench-deciding"), {}
    try:
        for mark in sorted(set(marks)):
            consumer.assign([TopicPartition(TRACES, mark.partition, mark.offset)])
            message = consumer.poll(_LIMIT_S)
            if message is None or message.error() is not None or message.offset() != mark.offset:
                raise RuntimeError(f"{TRACES}[{mark.partition}] could not be read at {mark.offset}")
            found[mark] = _look_into(message)
    finally:
        consumer.close()
    return found


def _look_into(message: Message) -> Deciding:
    headers = read_headers(message)
    event_id, appended_ms = find_header(headers, CE_ID) or b"", message.timestamp()[1]
    is_trace = find_header(headers, CE_TYPE) == WorkTrace.ce_type.encode()
    return Deciding(slot_of(event_id.decode()) if is_trace else None, appended_ms)
