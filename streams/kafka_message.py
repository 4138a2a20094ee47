"""What librdkafka's messages hold, in the types that the rest of the house uses."""

from operator import methodcaller
from typing import Any

from confluent_kafka import Message as KafkaMessage

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal

_headers_of = methodcaller("headers")
"""The client makes text of a header's name, and leaves a hole in its result where the name is none. Python's own call
of a method, once it is hot, does not look at the error beside that result; this one does."""


def read_raw_headers(message: KafkaMessage) -> list[tuple[str, Any]]:
    """The headers of a message in their order, None for one without a value.

    Raises `PoisonRecord` where a name is no text: `read_raw_record` can read such a record.
    """
    try:
        found = _headers_of(message) or []
    except (SystemError, UnicodeDecodeError):
        raise PoisonRecord(Refusal.WRONG_CODEC, "the name of a header is no text") from None
    return list(found.items() if isinstance(found, dict) else found)


def read_headers(message: KafkaMessage) -> list[tuple[str, bytes]]:
    """As `read_raw_headers`, but a header without a value has an empty one, as it has for a stage."""
    return [(str(name), value if isinstance(value, bytes) else b"") for name, value in read_raw_headers(message)]
