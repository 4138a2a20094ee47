"""The audit relay as a process: one active at a time; the broker fences whoever was before it."""

import threading
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.audit import AuditEntry, LostRange
from homeostat.schemas.errors import BrokerUnavailable
from homeostat.schemas.log import Output
from homeostat.schemas.topics import POLICIES
from homeostat.streams import failpoints, metrics
from homeostat.streams.archive.messages import gather_records
from homeostat.streams.archive.topic_log import describe_topic, read_ends, reader_config
from homeostat.streams.audit.batch import Appender
from homeostat.streams.audit.entries import AUDITED, Place, is_audited, make_entry
from homeostat.streams.audit.log import read_log
from homeostat.streams.audit.verify import check_log
from homeostat.streams.errors import AuditBroken
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.signing import Signer

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_BATCH_RECORDS = 500
_LIMIT_S = 30.0
_RETRY_S = 2.0


class AuditProcess:
    """Appends entries for what it reads, until it is stopped or replaced.

    Each append is one transaction: entries, and the checkpoint that covers them. Before a process reads where the
    audit ends, the broker has ended the transactions of whoever held the same transactional id, and takes no more of
    them: what is read then is all there is, so that a kill leaves neither a gap nor a repeat, and no two processes can
    extend the log in two ways.
    """

    def __init__(
        self, kafka: KafkaSettings, signer: Signer, trust: TrustStore, beat: Callable[[], None] = lambda: None
    ) -> None:
        self.kafka, self.signer, self.trust, self.beat = kafka, signer, trust, beat
        self.stopping = threading.Event()
        self.active = False
        self.session: _Session | None = None

    @property
    def is_well(self) -> bool:
        """Whether it appends, or stands by for another that may."""
        return self.session is not None or not self.active

    @property
    def state(self) -> str:
        """What it does, in a word or two."""
        if not self.active:
            return "standing by"
        if self.session is None:
            return "not appending"
        return "catching up" if self.session.behind else "appending"

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Stand by until this process is the active one, append, and stand by again if it is replaced.

        Raises `AuditBroken` where the log that is there does not verify.
        """
        seat = self.kafka.static_membership_id
        leader = Consumer(
            {
                **reader_config(self.kafka, f"{self.kafka.group_prefix}-audit"),
                "auto.offset.reset": "latest",
                "session.timeout.ms": round(self.kafka.session_timeout_s * 1000),
                "heartbeat.interval.ms": 1_000,
                **({"group.instance.id": seat} if seat else {}),
            }
        )
        leader.subscribe([POLICIES], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)
        try:
            while not self.stopping.is_set():
                leader.poll(_POLL_S)
                self.beat()
                if self.active:
                    self._append(leader)
        finally:
            leader.close()

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.active = bool(partitions)
        log.info("audit is active" if self.active else "audit stands by")

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.active = False

    def _append(self, leader: Consumer) -> None:
        """One session; what the broker refuses ends it, and the next begins where the log ends."""
        try:
            with _Session(self) as self.session:
                while self.active and not self.stopping.is_set():
                    leader.poll(0)
                    self.beat()
                    self.session.step()
        except (KafkaException, BrokerUnavailable) as error:
            metrics.AUDIT_ERRORS.inc()
            log.warning("the audit begins anew where it ends", error=str(error))
            self.stopping.wait(_RETRY_S)
        finally:
            self.session = None


class _Session:
    """From where the audit ends, until something fails: then nothing of it is kept."""

    def __init__(self, owner: AuditProcess) -> None:
        self._owner, kafka = owner, owner.kafka
        self._producer = Producer(
            {**client_config(kafka), "transactional.id": f"{kafka.group_prefix}-audit", "linger.ms": 1}
        )
        self._producer.init_transactions(_LIMIT_S)
        failpoints.hit("audit.before_position")
        found = read_log(kafka)
        checked = check_log(found, owner.trust)
        if checked.faults:
            raise AuditBroken(f"{len(checked.faults)} faults, nothing is appended; the first: {checked.faults[0]}")
        self._appender = Appender(checked.trees, checked.last, owner.signer)
        self._reader = Consumer(reader_config(kafka, f"{kafka.group_prefix}-audit-reader"))
        self._moved: dict[tuple[str, int], int] = {}
        self.behind: set[tuple[str, int]] = set()
        self._lost = self._place(checked.audited)
        log.info("auditing", entries=found.size, checkpoints=len(found.checkpoints))

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def step(self) -> None:
        """Read what has come, and append what of it belongs into the audit."""
        messages = self._reader.consume(_BATCH_RECORDS, timeout=_POLL_S)
        good = [message for message in messages if self._is_record(message)]
        entries: list[AuditEntry] = []
        while good:
            (topic, partition), records, taken = gather_records(good, self._owner.kafka)
            del good[:taken]
            for record in records:
                if is_audited(topic, record):
                    entries.append(make_entry(Place(topic, partition, record.offset), record, self._owner.trust))
                self._moved[topic, partition] = record.offset + 1
        if entries or self._lost:
            self._write(entries)

    def _write(self, entries: list[AuditEntry]) -> None:
        outputs = self._appender.append(entries, self._moved, self._lost)
        failpoints.hit("audit.before_begin")
        self._producer.begin_transaction()
        for output in outputs:
            self._send(output)
            failpoints.hit("audit.sent_some")
        failpoints.hit("audit.before_commit")
        self._producer.commit_transaction(_LIMIT_S)
        failpoints.hit("audit.committed")
        self._moved, self._lost = {}, []
        for entry in entries:
            metrics.AUDIT_ENTRIES.labels(kind=entry.kind.value).inc()

    def _send(self, output: Output) -> None:
        while True:
            try:
                self._producer.produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=-1 if output.partition is None else output.partition,
                    headers=list(output.headers),
                    timestamp=output.timestamp,
                )
                return
            except BufferError:
                self._producer.poll(_POLL_S)

    def _place(self, audited: Mapping[tuple[str, int], int]) -> list[LostRange]:
        """Read on from where the last checkpoint stands; gives what the broker no longer has of that."""
        lost, begins = [], []
        for topic in AUDITED:
            for part in range(describe_topic(self._owner.kafka, topic).partitions):
                low, _ = read_ends(self._reader, topic, part)
                position = audited.get((topic, part), 0)
                if low > position:
                    metrics.AUDIT_LOST.labels(topic=topic).inc(low - position)
                    log.error("offsets were lost before they were audited", topic=topic, partition=part, next=low)
                    lost.append(LostRange(topic=topic, partition=part, first=position, next_offset=low))
                    self._moved[topic, part] = low
                begins.append(TopicPartition(topic, part, max(low, position)))
        self.behind = {(str(each.topic), int(each.partition)) for each in begins}
        self._reader.assign(begins)
        return lost

    def _is_record(self, message: KafkaMessage) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        self.behind.discard((str(message.topic()), int(message.partition() or 0)))
        return False
