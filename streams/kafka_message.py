"""What librdkafka's messages hold, in the types that the rest of the house uses."""

from confluent_kafka import Message as KafkaMessage


def read_headers(message: KafkaMessage) -> list[tuple[str, bytes]]:
    """The headers of a message in their order; one without a value has an empty one, as it has for a stage."""
    found = message.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(str(name), value if isinstance(value, bytes) else b"") for name, value in pairs]
