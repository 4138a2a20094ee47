"""Reads commands and leases from their beginning, read committed, and then follows them for ever."""

import threading
from collections.abc import Callable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.topics import COMMANDS, LEASES
from homeostat.streams import metrics
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings

log = structlog.get_logger(__name__)
_RETRY_S = 1.0
_POLL_S = 0.1
_BATCH = 500


class TopicFollower:
    """A thread that hands every record of the two compacted topics to `handle`, partition by partition in order.

    It hands over what is there, as soon as something is: never fewer than one, and nothing waits for more to come.
    """

    def __init__(self, gateway: str, kafka: KafkaSettings, handle: Callable[[Sequence[KafkaMessage]], None]) -> None:
        self._config = {
            **client_config(kafka),
            "group.id": f"{kafka.group_prefix}-gateway-{gateway}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 2,
            "fetch.wait.max.ms": 50,
            "enable.partition.eof": True,
        }
        self._handle = handle
        self._stopping = threading.Event()
        self._behind: set[tuple[str, int]] | None = None
        self._thread = threading.Thread(target=self._run, name=f"gateway-{gateway}-follower", daemon=True)

    @property
    def caught_up(self) -> bool:
        """Whether the end of every partition has been seen once."""
        return self._behind is not None and not self._behind

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; returns when the thread has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        consumer = Consumer(self._config)
        try:
            if not self._assign(consumer):
                return
            while not self._stopping.is_set():
                first = consumer.poll(_POLL_S)
                if first is not None:
                    # of so many, `consume` waits for the last one as long as it is let
                    self._take([first, *consumer.consume(_BATCH, timeout=0)])
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> bool:
        """Assign every partition from its beginning; keeps trying while no broker answers."""
        while not self._stopping.is_set():
            try:
                found = [(topic, part) for topic in (COMMANDS, LEASES) for part in _partitions(consumer, topic)]
            except KafkaException as error:
                log.warning("no broker yet", error=str(error.args[0]))
                self._stopping.wait(_RETRY_S)
                continue
            self._behind = set(found)
            consumer.assign([TopicPartition(topic, part, 0) for topic, part in found])
            return True
        return False

    def _take(self, messages: Sequence[KafkaMessage]) -> None:
        self._handle([message for message in messages if message.error() is None])
        for message in messages:
            error = message.error()
            if error is None:
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                if self._behind:
                    self._behind.discard((str(message.topic()), int(message.partition() or 0)))
            else:
                metrics.GATEWAY_BROKER_ERRORS.inc()
                log.warning("reading failed, trying on", error=error.str())


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=5).topics[topic]
    if found.error is not None or not found.partitions:
        raise KafkaException(found.error or KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    return sorted(found.partitions)
