"""The role `record`: one of a group of processes that write topics to an archive until they are stopped."""

import threading
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.errors import BrokerUnavailable, RetryableError
from homeostat.streams import failpoints, metrics
from homeostat.streams.archive.columns import FileHead
from homeostat.streams.archive.messages import gather_records
from homeostat.streams.archive.shelves import Place, Shelves
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.archive.topic_log import reader_config
from homeostat.streams.clock import Clock, SystemClock
from homeostat.streams.settings import ArchiveSettings, KafkaSettings

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_BATCH_RECORDS = 2_000
_RETRY_MS = 5_000


class RecordProcess:
    """Reads its share of the partitions and archives them; what it has not written it reads again after a restart.

    Where it begins comes from the archive; the offsets that it commits to its group only show how far it is.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        store: ArchiveStore,
        heads: Mapping[str, FileHead],
        limits: ArchiveSettings,
        clock: Clock | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock, self._beat = clock or SystemClock(), beat
        self._kafka, self._topics = kafka, list(heads)
        self._shelves = Shelves(store, heads, limits)
        self._consumer = Consumer(
            {
                **reader_config(kafka, f"{kafka.group_prefix}-record"),
                "session.timeout.ms": round(kafka.session_timeout_s * 1000),
                "max.poll.interval.ms": max(300_000, round(kafka.session_timeout_s * 1000)),
                **({"group.instance.id": kafka.static_membership_id} if kafka.static_membership_id else {}),
            }
        )
        self._unplaced: list[Place] = []
        self._waiting: list[KafkaMessage] = []
        self._told: Mapping[Place, int] = {}
        self._retry_at_ms: int | None = None
        self.stopping = threading.Event()

    @property
    def is_writing(self) -> bool:
        """Whether the archive and the broker took what was asked of them last."""
        return self._retry_at_ms is None and not self._unplaced

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Archive until stopped; then write what is held."""
        self._consumer.subscribe(
            self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        try:
            while not self.stopping.is_set():
                self._beat()
                messages = self._consumer.consume(_BATCH_RECORDS, timeout=_POLL_S)
                self._waiting += self._keep(messages)
                if self._retry_at_ms is None or self._clock.mono_ms() >= self._retry_at_ms:
                    self._work()
            self._try(self._shelves.write_all)
        finally:
            self._consumer.close()

    def _work(self) -> None:
        """Place new partitions, take what waits, write what is due; what fails is tried again after a while."""
        if self._try(self._step):
            if self._retry_at_ms is not None:
                log.info("archiving again")
                self._consumer.resume(self._consumer.assignment())
            self._retry_at_ms = None
            return
        if self._retry_at_ms is None:
            self._consumer.pause(self._consumer.assignment())
        self._retry_at_ms = self._clock.mono_ms() + _RETRY_MS

    def _step(self) -> None:
        if self._unplaced:
            self._place()
        now_ms = self._clock.wall_ms()
        while self._waiting:
            place, records, taken = gather_records(self._waiting, self._kafka)
            if place in self._shelves:
                self._shelves.add(place, records, now_ms)
            del self._waiting[:taken]
        self._shelves.write_full()
        self._shelves.write_old(now_ms)
        written = self._shelves.written()
        if written != self._told:
            self._told = written
            self._tell(written)

    def _try(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except (BrokerUnavailable, RetryableError) as error:
            metrics.ARCHIVE_ERRORS.inc()
            log.error("the archive stands still, trying on", error=str(error))
            return False
        return True

    def _keep(self, messages: list[KafkaMessage]) -> list[KafkaMessage]:
        kept = []
        for message in messages:
            error = message.error()
            if error is None:
                kept.append(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                place = (str(message.topic()), int(message.partition() or 0))
                log.warning("the broker no longer has the next offset", topic=place[0], partition=place[1])
                self._unplaced.append(place)
            elif error.code() != KafkaError._PARTITION_EOF:
                log.warning("reading failed, trying on", error=error.str())
        return kept

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Nothing slow here: where to begin is looked up in the loop, and nothing is fetched before."""
        consumer.assign([])
        self._unplaced = [(str(each.topic), int(each.partition)) for each in partitions]

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._try(self._shelves.write_all)
        self._on_lost(_, partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._waiting.clear()
        self._unplaced.clear()
        self._shelves.close([(str(each.topic), int(each.partition)) for each in partitions])

    def _place(self) -> None:
        """Open the shelves of new places, and fetch everything from where each stands."""
        failpoints.hit("archive.before_position")
        self._shelves.write_all(self._unplaced)
        self._shelves.open(self._consumer, self._unplaced)
        self._unplaced.clear()
        self._waiting.clear()
        begins = [
            TopicPartition(topic, part, self._shelves.next((topic, part))) for topic, part in self._shelves.written()
        ]
        self._consumer.assign(begins)
        log.info("archiving", partitions=len(begins))

    def _tell(self, written: Mapping[Place, int]) -> None:
        """Commit what is written, for those who look at the group's lag, and measure it."""
        for (topic, part), offset in written.items():
            ends = self._consumer.get_watermark_offsets(TopicPartition(topic, part), cached=True)
            if ends[1] >= 0:
                metrics.ARCHIVE_LAG.labels(topic=topic, partition=part).set(ends[1] - offset)
        try:
            self._consumer.commit(
                offsets=[TopicPartition(topic, part, offset) for (topic, part), offset in written.items()],
                asynchronous=True,
            )
        except KafkaException as error:
            log.warning("the group's offsets were not committed", error=str(error))
