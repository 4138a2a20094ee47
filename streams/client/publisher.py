"""The Publisher: how a clinical runtime sends traces and feedback without ever waiting for Kafka."""

import atexit
import logging
import uuid
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self, Unpack

from confluent_kafka import KafkaError, Producer

from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.exposure import PublisherReport
from homeostat.schemas.signal import SignalSpec
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.client.tally import Drop, Tally
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.client.trace_fields import FeedbackFields, WorkFields
from homeostat.streams.client.trace_writer import TraceWriter
from homeostat.streams.client.work_token import WorkToken
from homeostat.streams.clock import SystemClock
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings

# Not structlog: the process is the runtime's own, and so is the way it logs.
log = logging.getLogger("homeostat.publisher")

_POLL_S = 0.1


class Publisher:
    """Sends one tenant's traces from one runtime. Thread-safe; a context manager; flushes when the process ends.

    No call waits for the broker. What cannot be sent (queue full, broker away for too long, after `close`) is
    dropped, counted by reason and reported to Homeostat, which then knows that it does not know. An invalid trace is
    the caller's mistake: it raises `PoisonRecord` with its reason, and is counted as well.
    """

    def __init__(
        self,
        kafka: KafkaSettings | str,
        tenant_key: TenantKey | Path | str,
        runtime: str,
        *,
        signals: Iterable[SignalSpec] | None = None,
        max_queued_traces: int = 100_000,
        max_queued_bytes: int = 64 * 1_048_576,
        linger_ms: int = 20,
        delivery_timeout_s: float = 120.0,
        report_interval_s: float = 10.0,
    ) -> None:
        """Starts a thread and connects in the background; an unreachable broker is no error here.

        `kafka` is a bootstrap address or settings; `tenant_key` a file of `homeostat keys tenant`, or its content.
        `signals` is a policy's registry, see `TraceWriter`.
        """
        key = tenant_key if isinstance(tenant_key, TenantKey) else TenantKey.load(Path(tenant_key))
        self.writer = TraceWriter(key, runtime, signals)
        self.id = uuid.uuid4().hex
        self._runtime = runtime
        self._report_interval_s = report_interval_s
        self._clock = SystemClock()
        self._tally = Tally()
        self._sequence = 0
        self._closing, self._close_lock = Event(), Lock()
        settings = KafkaSettings(bootstrap_servers=kafka) if isinstance(kafka, str) else kafka
        self._producer = Producer(
            {
                **client_config(settings),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": linger_ms,
                "queue.buffering.max.messages": max_queued_traces,
                "queue.buffering.max.kbytes": max(1, max_queued_bytes // 1024),
                "delivery.timeout.ms": int(delivery_timeout_s * 1000),
                "error_cb": _note_error,
                "log_level": 0,
            }
        )
        self._thread = Thread(target=self._serve, name="homeostat-publisher", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def publish_work(self, *, traceparent: str | None = None, **fields: Unpack[WorkFields]) -> WorkToken:
        """Send what a piece of work looked like; keep the token for feedback on it. Raises `PoisonRecord`.

        `trace_id` and `work_id` default to a new id, `work_time_ms` to now.
        """
        try:
            trace = self.writer.build_work(fields, self._clock.wall_ms())
        except PoisonRecord as error:
            self._drop(error.reason)
            raise
        self.publish(trace, traceparent)
        return self.writer.issue_token(trace)

    def publish_feedback(
        self,
        token: WorkToken,
        feedback: FeedbackKind,
        *,
        traceparent: str | None = None,
        **fields: Unpack[FeedbackFields],
    ) -> None:
        """Send what people did with a piece of work, whenever that was. Raises `PoisonRecord`."""
        try:
            trace = self.writer.build_feedback(token, feedback, fields)
        except PoisonRecord as error:
            self._drop(error.reason)
            raise
        self.publish(trace, traceparent)

    def publish(self, trace: WorkTrace | FeedbackTrace, traceparent: str | None = None) -> bool:
        """Send a trace that is complete already; False if it was dropped at once. Raises `PoisonRecord`."""
        try:
            record = self.writer.write(trace, traceparent)
        except PoisonRecord as error:
            self._drop(error.reason)
            raise
        if self._closing.is_set():
            return self._drop(Drop.CLOSED)
        try:
            self._producer.produce(
                TRACES, record.value, record.key, headers=[*record.headers], on_delivery=self._note_delivery
            )
        except BufferError:
            return self._drop(Drop.QUEUE_FULL)
        return True

    @property
    def sent(self) -> int:
        """Traces that the broker acknowledged."""
        return self._tally.read()[0]

    @property
    def dropped(self) -> dict[str, int]:
        """Traces that were not sent, by reason."""
        return self._tally.read()[1]

    @property
    def queued(self) -> int:
        """Records that wait for the broker."""
        return len(self._producer)

    def flush(self, timeout_s: float = 10.0) -> int:
        """Wait until everything was delivered or dropped; how many still wait. Not for a runtime's own path."""
        return int(self._producer.flush(timeout_s))

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, report, and stop; what could not be sent by then is counted. A second call does nothing."""
        with self._close_lock:
            if self._closing.is_set():
                return
            self._closing.set()
        atexit.unregister(self.close)
        deadline = monotonic() + timeout_s
        self._thread.join()
        if self._producer.flush(max(0.0, deadline - monotonic())):
            self._producer.purge()
            self._producer.flush(_POLL_S)
        self._report()
        self._producer.flush(max(_POLL_S, deadline - monotonic()))
        self._producer.purge()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Publisher(tenant={self.writer.tenant!r}, runtime={self._runtime!r})"

    def _serve(self) -> None:
        """Take delivery reports and send ours, until closed; the only place that waits."""
        due = monotonic() + self._report_interval_s
        while not self._closing.is_set():
            self._producer.poll(_POLL_S)
            if monotonic() >= due:
                self._report()
                due += self._report_interval_s

    def _report(self) -> None:
        sent, dropped = self._tally.read()
        self._sequence += 1
        report = PublisherReport(
            tenant=self.writer.tenant, publisher=self.id, sequence=self._sequence, sent=sent, dropped=dropped
        )
        event_id = derive_id("publisher-report", self.id, self._sequence)
        record = self.writer.authenticate(report.ce_type, event_id, f"/runtimes/{self._runtime}", to_json(report))
        try:
            self._producer.produce(TRACES, record.value, record.key, headers=[*record.headers])
        except BufferError:
            log.warning("report %d was not queued: the queue is full", self._sequence)

    def _note_delivery(self, error: KafkaError | None, _message: Any) -> None:
        if error is None:
            self._tally.add_sent()
        else:
            self._drop(Drop.NOT_DELIVERED)

    def _drop(self, reason: str) -> bool:
        if self._tally.add_dropped(reason):
            log.warning("traces of %s are being dropped: %s", self.writer.tenant, reason)
        return False


def _note_error(error: KafkaError) -> None:
    log.warning("no way to Kafka: %s", error.name())
