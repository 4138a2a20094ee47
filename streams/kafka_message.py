"""What librdkafka's messages hold, in the types that the rest of the house uses."""

from confluent_kafka import Message as KafkaMessage


def read_headers(message: KafkaMessage) -> list[tuple[str, bytes]]:
    """The headers of a message that have a value, in their order."""
    found = message.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(str(name), value) for name, value in pairs if isinstance(value, bytes)]
