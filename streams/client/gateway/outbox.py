"""Delivers what the store has queued: acknowledgements and exposure reports, in order, until the broker has them."""

from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.streams import failpoints, metrics
from homeostat.streams.client.gateway.sender_thread import SenderThread
from homeostat.streams.client.gateway.store import GatewayStore, Waiting
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings

log = structlog.get_logger(__name__)
_BATCH = 200
_DELIVERY_TIMEOUT_S = 10.0


class Outbox(SenderThread):
    """A thread that flushes session starts into reports and sends what waits; repeats after a crash are harmless."""

    def __init__(
        self, gateway: str, kafka: KafkaSettings, store: GatewayStore, flush: Callable[[], None], interval_s: float
    ) -> None:
        self._gateway, self._store, self._flush, self._interval_s = gateway, store, flush, interval_s
        config = {**client_config(kafka), "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 2}
        self._config = {**config, "delivery.timeout.ms": int(_DELIVERY_TIMEOUT_S * 1000)}
        super().__init__(f"gateway-{gateway}-outbox")

    def _run(self) -> None:
        producer = Producer(self._config)
        while not self._stopping.is_set():
            self._wake.wait(self._interval_s)
            self._wake.clear()
            self._flush()
            while self._send_some(producer):
                pass
        producer.flush(1)

    def _send_some(self, producer: Producer) -> bool:
        """Send up to a batch and forget what was delivered; True when there may be more to send now."""
        waiting = self._store.waiting(_BATCH)
        done: list[int] = []
        for entry in waiting:
            self._produce(producer, entry, done)
        left = producer.flush(_DELIVERY_TIMEOUT_S if not self._stopping.is_set() else 1)
        if done:
            failpoints.hit("gateway.acks_sent_before_forget")
            self._store.delivered(done)
        metrics.GATEWAY_OUTBOX.set(len(waiting) - len(done))
        return len(waiting) == _BATCH and left == 0 and len(done) == len(waiting)

    def _produce(self, producer: Producer, entry: Waiting, done: list[int]) -> None:
        message = entry.message

        def on_delivery(error: KafkaError | None, _: KafkaMessage) -> None:
            if error is None:
                done.append(entry.number)
            else:
                log.warning("not delivered, kept", topic=message.topic, error=error.str())

        event_id = digest_bytes(message.envelope)[7:39]
        headers: list[tuple[str, str | bytes | None]] = list(
            event_headers(message.ce_type, event_id, f"/gateway/{self._gateway}", DSSE_CONTENT)
        )
        try:
            producer.produce(message.topic, message.envelope, message.key, headers=headers, on_delivery=on_delivery)
        except (BufferError, KafkaException) as error:
            log.warning("not sent, kept", topic=message.topic, error=str(error))
