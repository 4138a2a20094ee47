"""What our worker reported: the alarms that it wrote, read back from `alarms.v1`."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from bench.throughput.found import Book
from bench.throughput.job import Job
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.headers import CE_TYPE
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Times
from homeostat.schemas.topics import ALARMS

_LIMIT_S = 30.0
_SESSION_MS = round(Times().session_s * 1000)


def read_book(job: Job, ends: dict[str, int]) -> Book:
    """Every alarm, placed at the trace that tipped it: the one that opened the session whose closing raised it."""
    book = Book()
    for value in _read_values(job.address, ends):
        alarm, _ = parse_message(Alarm, value)
        number = (alarm.log_time_ms - _SESSION_MS - job.start_ms) * job.pace // 1000
        cohort = alarm.cohort
        book.note(cohort.layer.value, cohort.tenant, cohort.specialty, alarm.signal, number)
    return book


def _read_values(address: str, ends: dict[str, int]) -> Iterator[bytes]:
    client = Consumer({"bootstrap.servers": address, "group.id": "bench-alarms", "log_level": 0})
    try:
        left = {int(partition): end for partition, end in ends.items() if end}
        client.assign([TopicPartition(ALARMS, partition, OFFSET_BEGINNING) for partition in left])
        while left:
            message: Any = client.poll(_LIMIT_S)
            if message is None:
                raise RuntimeError(f"{ALARMS} could not be read to its end")
            if dict(message.headers() or ()).get(CE_TYPE) == Alarm.ce_type.encode():
                yield message.value()
            if message.offset() + 1 >= left[message.partition()]:
                del left[message.partition()]
    finally:
        client.close()
