"""Signs people's documents and delivers them."""

from collections.abc import Sequence

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.errors import BrokerUnavailable
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.streams.documents.read import ToPublish
from homeostat.streams.kafka_config import client_config
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.signing import Signer


def publish_documents(kafka: KafkaSettings, signer: Signer, documents: Sequence[ToPublish], limit_s: float) -> None:
    """Sign each document and wait until the broker has them all. Raises `BrokerUnavailable`."""
    config = {**client_config(kafka), "partitioner": "murmur2_random", "enable.idempotence": True}
    producer = Producer({**config, "delivery.timeout.ms": round(limit_s * 1000)})
    failed: list[KafkaError] = []

    def on_delivery(error: KafkaError | None, _: KafkaMessage) -> None:
        if error is not None:
            failed.append(error)

    for document in documents:
        ce_type = document.message.ce_type
        envelope = signer.sign(to_json(document.message), ce_type)
        headers: list[tuple[str, str | bytes | None]] = list(
            event_headers(ce_type, digest_bytes(envelope)[7:39], f"/homeostat/{signer.role}", DSSE_CONTENT)
        )
        producer.produce(document.topic, envelope, document.key, headers=headers, on_delivery=on_delivery)
    left = producer.flush(limit_s)
    if failed or left:
        why = failed[0].str() if failed else "no answer"
        raise BrokerUnavailable(f"{len(failed) + left} documents were not delivered ({why}): is the broker up?")
