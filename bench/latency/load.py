"""The load: every record at its time, whatever has become of those before. A process of its own."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from confluent_kafka import KafkaError, Message, Producer
from numpy.typing import NDArray

from bench.latency.clients import make_producer
from bench.latency.documents import Envelope
from bench.latency.plan import plan_trials, plan_visits
from bench.latency.sizes import Size
from bench.latency.traces import TraceMaker
from homeostat.schemas.topics import TRACES

Ints = NDArray[np.int64]
_NAP_S = 0.0005
_FLUSH_S = 30.0


class LoadJob(NamedTuple):
    """What the process is told."""

    address: str
    size: Size
    seed: int
    master_id: str
    master: bytes
    documents: list[Envelope]


class Load(NamedTuple):
    """What it did: by slot, how many µs after its time a trace was handed to the producer; what was not delivered."""

    lags_us: Ints
    undelivered: int


def prepare_load(job: LoadJob) -> Callable[[int], Load]:
    """Make all ready; what is given sends the first trace at a time on the monotonic clock, in ns."""
    return _Sender(job).run


class _Sender:
    def __init__(self, job: LoadJob) -> None:
        size = job.size
        self._job, self._slots = job, size.traces
        self._visits = plan_visits(size, plan_trials(size, job.seed))
        self._maker = TraceMaker(size, job.master_id, job.master, job.seed, size.traces)
        self._documents = deque(sorted(job.documents))
        self._producer: Producer = make_producer(job.address)
        self._failed = 0

    def run(self, start_ns: int) -> Load:
        """Send everything; returns when the broker has it."""
        gap_ns = 1_000_000_000 / self._job.size.traces_per_s
        lags_us = np.zeros(self._slots, np.int64)
        slot = 0
        while slot < self._slots:
            now_ns = time.monotonic_ns()
            self._send_documents((now_ns - start_ns) / 1e9)
            while slot < self._slots and (due_ns := start_ns + round(slot * gap_ns)) <= now_ns:
                self._send_trace(slot)
                lags_us[slot] = (time.monotonic_ns() - due_ns) // 1000
                slot += 1
            self._producer.poll(0)
            time.sleep(_NAP_S)
        left = self._producer.flush(_FLUSH_S)
        return Load(lags_us, self._failed + left)

    def _send_trace(self, slot: int) -> None:
        now_ms, visit = time.time_ns() // 1_000_000, self._visits.get(slot)
        record = self._maker.ordinary(slot, now_ms) if visit is None else self._maker.visit(slot, now_ms, visit)
        self._producer.produce(
            TRACES,
            record.value,
            record.key,
            record.partition,
            headers=list(record.headers),
            on_delivery=self._on_delivery,
        )

    def _send_documents(self, now_s: float) -> None:
        while self._documents and self._documents[0].due_s <= now_s:
            due = self._documents.popleft()
            self._producer.produce(
                due.topic, due.value, due.key, headers=list(due.headers), on_delivery=self._on_delivery
            )

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed += 1
