"""Kafka's own way from producer to consumer, at the same time on the same broker. A process of its own."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from confluent_kafka import TopicPartition

from bench.latency.clients import make_consumer, make_producer
from bench.latency.load import Ints

TOPIC = "bench.probe.v1"
_BYTES = 900
"""As large as a trace with its headers."""
_POLL_S = 0.1
_END_S = 30.0


class ProbeJob(NamedTuple):
    """What the process is told."""

    address: str
    partitions: int
    per_s: int
    records: int


def prepare_probe(job: ProbeJob) -> Callable[[int], Ints]:
    """What is given sends the first record at a time on the monotonic clock, in ns."""
    return partial(run_probe, job)


def run_probe(job: ProbeJob, start_ns: int) -> Ints:
    """µs from each record's time to be sent until a consumer has it; 0 for one that did not come."""
    found = np.zeros(job.records, np.int64)
    reader = threading.Thread(target=_read, args=(job, start_ns, found))
    reader.start()
    producer = make_producer(job.address)
    for number in range(job.records):
        due_ns = start_ns + _due_ns(job, number)
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            producer.poll(0)
            time.sleep(min(left_ns / 1e9, 0.002))
        producer.produce(TOPIC, number.to_bytes(8, "big").ljust(_BYTES, b"."), partition=number % job.partitions)
    producer.flush(_END_S)
    reader.join()
    return found


def _read(job: ProbeJob, start_ns: int, found: Ints) -> None:
    consumer = make_consumer(job.address, "bench-probe")
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(job.partitions)])
    last_ns, left = start_ns + _due_ns(job, job.records) + round(_END_S * 1e9), job.records
    while left and time.monotonic_ns() < last_ns:
        message = consumer.poll(_POLL_S)
        if message is None or message.error() is not None:
            continue
        now_ns, number = time.monotonic_ns(), int.from_bytes((message.value() or b"")[:8], "big")
        found[number] = (now_ns - start_ns - _due_ns(job, number)) // 1000
        left -= 1
    consumer.close()


def _due_ns(job: ProbeJob, number: int) -> int:
    return number * 1_000_000_000 // job.per_s
