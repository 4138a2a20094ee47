"""(b) A plain loop: confluent-kafka, pydantic, River."""

from typing import Any

from bench.throughput.account import Meter
from bench.throughput.job import Job, make_consumer
from bench.throughput.peers.river_observer import RiverObserver
from homeostat.schemas.topics import TRACES

_MESSAGES = 500


def run(job: Job) -> dict[str, Any]:
    observer = RiverObserver(job.master_key)
    meter = Meter()
    consumer = make_consumer(job)
    consumer.subscribe([TRACES])
    while observer.count < job.traces:
        for message in consumer.consume(_MESSAGES, 0.1):
            meter.note_first()
            observer.observe(message.key(), message.value(), dict(message.headers()))
    meter.end()
    consumer.close()
    return job.conclude(observer.count, meter, observer.book)
