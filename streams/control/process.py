"""The control relay as a process: one active at a time, by membership in a group over a topic of one partition."""

import signal
import threading
from collections.abc import Callable
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.detectors.control_relay import ControlRelay
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.errors import BrokerUnavailable, PoisonRecord, SignatureRefused
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.summary import Marker
from homeostat.schemas.topics import (
    ACKS,
    BASELINES,
    CONTROLS,
    DECISIONS,
    DRIFT_EVENTS,
    EFFECTS,
    OVERRIDES,
    POLICIES,
    RELEASES,
    ROLLOUTS,
    SUMMARIES,
)
from homeostat.streams import metrics
from homeostat.streams.clock import Clock, SystemClock
from homeostat.streams.drills.runner import DrillRunner
from homeostat.streams.drills.work import ProbeWork
from homeostat.streams.kafka_config import client_config
from homeostat.streams.kafka_message import read_headers
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.signing import Signers
from homeostat.streams.watermarks import read_watermarks

log = structlog.get_logger(__name__)

DOCUMENT_TOPICS = (POLICIES, RELEASES, ROLLOUTS, OVERRIDES, BASELINES, CONTROLS)
_POLL_S = 0.02
_DEFAULT_TICK_S = 1.0
_MARKER_PARTITION = 0


class Drilling(NamedTuple):
    """What it takes to run drills."""

    trust: TrustStore
    work: ProbeWork


class ControlProcess:
    """Reads documents to their end, writes a snapshot, then ticks and copies until it is stopped or replaced."""

    def __init__(
        self,
        kafka: KafkaSettings,
        signers: Signers,
        partitions: int,
        snapshot_interval_s: float = 21_600.0,
        clock: Clock | None = None,
        beat: Callable[[], None] = lambda: None,
        drilling: Drilling | None = None,
    ) -> None:
        """With `drilling` it runs the policy's drills: what it believes of them, and the probe tenants' work."""
        self._drilling = drilling
        self._kafka, self._signers, self.partitions = kafka, signers, partitions
        self.snapshot_interval_ms = round(snapshot_interval_s * 1000)
        self.clock, self.beat = clock or SystemClock(), beat
        self.stopping = threading.Event()
        self.active = False
        config = {**client_config(kafka), "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 1}
        self.producer = Producer(config)
        self._failed: KafkaError | None = None

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Stand by until this process is the active one, relay, and stand by again if it is replaced."""
        leader = Consumer(self._reader_config(f"{self._kafka.group_prefix}-control"))
        leader.subscribe([POLICIES], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)
        try:
            while not self.stopping.is_set():
                leader.poll(0.2)
                self.beat()
                if self.active:
                    self._relay(leader)
        finally:
            leader.close()
            self.producer.flush(5)

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.active = bool(partitions)
        log.info("control is active" if self.active else "control stands by")

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.active = False

    def _relay(self, leader: Consumer) -> None:
        reader = Consumer(
            {**self._reader_config(f"{self._kafka.group_prefix}-control-reader"), "enable.partition.eof": True}
        )
        drills = self._drilling and DrillRunner(self._make_drill_reader, self._drilling.trust, self._drilling.work)
        try:
            _Session(self, reader, drills).run(leader)
        finally:
            reader.close()
            if drills is not None:
                drills.close()

    def _make_drill_reader(self) -> Consumer:
        return Consumer(
            {**self._reader_config(f"{self._kafka.group_prefix}-control-drills"), "enable.partition.eof": True}
        )

    def _reader_config(self, group: str) -> dict[str, str | int | float | bool]:
        return {
            **client_config(self._kafka),
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 2,
            "fetch.wait.max.ms": 20,
            "session.timeout.ms": 10_000,
            "heartbeat.interval.ms": 1_000,
        }

    def sign(self, output: Output) -> Output:
        """The output in control's envelope, where it asks for one."""
        return self._signers.sign_output(output)

    def send(self, outputs: list[Output]) -> None:
        """Sign and send; raises `BrokerUnavailable` when an earlier send was given up."""
        for output in outputs:
            signed = self.sign(output)
            self._produce(signed)
            metrics.CONTROL_RECORDS.labels(topic=signed.topic).inc()
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise BrokerUnavailable(f"control records were not delivered ({failed.str()}): is the broker up?")

    def _produce(self, output: Output) -> None:
        partition = -1 if output.partition is None else output.partition
        while True:
            try:
                self.producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=partition,
                    headers=list(output.headers),
                    timestamp=output.timestamp,
                    on_delivery=self._on_delivery,
                )
                return
            except BufferError:
                self.producer.poll(0.1)

    def _on_delivery(self, error: KafkaError | None, _: KafkaMessage) -> None:
        if error is not None:
            self._failed = error


class _Session:
    """One time of being the active relay: its own core, built from the topics."""

    def __init__(self, owner: ControlProcess, reader: Consumer, drills: DrillRunner | None) -> None:
        self._owner, self._reader, self._drills = owner, reader, drills
        self._relay = ControlRelay(owner.partitions, owner.sign)
        self._behind: set[tuple[str, int]] = set()
        self._next_tick_ms = 0
        self._next_snapshot_ms: int | None = None

    def run(self, leader: Consumer) -> None:
        """Relay until the owner stops or is replaced."""
        self._assign()
        owner = self._owner
        while owner.active and not owner.stopping.is_set():
            leader.poll(0)
            owner.beat()
            outputs = self._read()
            now_ms = owner.clock.wall_ms()
            if not self._behind:
                outputs += self._on_time(now_ms)
                if self._drills is not None:
                    outputs += self._drills.step(self._relay.policy, now_ms)
                owner.send(outputs)
            owner.producer.poll(0)

    def _assign(self) -> None:
        topics = (*DOCUMENT_TOPICS, DECISIONS, EFFECTS, ACKS, DRIFT_EVENTS)
        places = [(topic, part) for topic in topics for part in self._partitions_of(topic)]
        self._behind = set(places)
        assigned = [TopicPartition(topic, part, 0) for topic, part in places]
        _, end = read_watermarks(self._reader, SUMMARIES, _MARKER_PARTITION, 10.0)
        self._reader.assign([*assigned, TopicPartition(SUMMARIES, _MARKER_PARTITION, end)])

    def _partitions_of(self, topic: str) -> list[int]:
        found = self._reader.list_topics(topic, timeout=10).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _read(self) -> list[Output]:
        outputs: list[Output] = []
        for message in self._reader.consume(500, timeout=_POLL_S):
            error = message.error()
            if error is None:
                outputs += self._take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._behind.discard((str(message.topic()), int(message.partition() or 0)))
            else:
                log.warning("reading failed, trying on", error=error.str())
        return outputs

    def _take(self, message: KafkaMessage) -> list[Output]:
        value, now_ms = message.value(), self._owner.clock.wall_ms()
        try:
            ce_type = (find_header(read_headers(message), CE_TYPE) or b"").decode("ascii", "replace")
            if message.topic() == SUMMARIES:
                if ce_type == Marker.ce_type:
                    marker, _ = parse_message(Marker, value)
                    self._relay.hear(marker.source_partition, marker.mark, now_ms)
                return []
            return [] if value is None else self._relay.take(value, ce_type, now_ms)
        except (SignatureRefused, PoisonRecord) as error:
            metrics.CONTROL_REFUSED.labels(reason=error.reason.value).inc()
            log.warning("not relayed", topic=message.topic(), offset=message.offset(), reason=error.reason.value)
            return []

    def _on_time(self, now_ms: int) -> list[Output]:
        outputs: list[Output] = []
        if self._relay.complete and (self._next_snapshot_ms is None or now_ms >= self._next_snapshot_ms):
            outputs += self._relay.snapshot(now_ms)
            self._next_snapshot_ms = now_ms + self._owner.snapshot_interval_ms
        if now_ms >= self._next_tick_ms:
            policy = self._relay.policy
            tick_s = _DEFAULT_TICK_S if policy is None else policy.times.tick_s
            self._next_tick_ms = now_ms + round(tick_s * 1000)
            outputs += self._relay.tick(now_ms)
        return outputs


def stop_on_signals(process: ControlProcess) -> None:
    """Let TERM and INT end the loop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.stop())
