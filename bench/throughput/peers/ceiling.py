"""The ceiling: confluent-kafka, msgspec, MAC, and no statistics."""

from typing import Any

from bench.throughput.account import Meter
from bench.throughput.job import Job, make_consumer
from bench.throughput.peers.decode import BatchDecoder
from homeostat.schemas.topics import TRACES

_MESSAGES = 2_000


def run(job: Job) -> dict[str, Any]:
    decoder = BatchDecoder(job.master_key)
    meter = Meter()
    consumer = make_consumer(job)
    consumer.subscribe([TRACES])
    count = 0
    while count < job.traces:
        messages = consumer.consume(_MESSAGES, 0.1)
        if messages:
            meter.note_first()
            count += len(decoder.decode(messages))
    meter.end()
    consumer.close()
    return job.conclude(count, meter, None)
