"""Dead letters: a refused record's coordinates, digest, reason and shape; its bytes only sealed."""

import struct
from enum import StrEnum
from typing import Annotated, ClassVar, NamedTuple

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, Part, Partition, Slug
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.log import Headers, Record
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.reasons import Refusal

UNSEALED = "dead_letter"
"""The `Output.signer` of a dead letter that still carries its original bytes: the shell seals it before it leaves."""
_LENGTH = struct.Struct(">i")
_NO_VALUE = -1


class SealedBytes(Part):
    """AES-256-GCM of the original record (key, value, headers), in base64; the other fields are hex.

    The data key is HKDF-SHA256 of X25519 between `ephemeral_key` and the key `key_id` of the policy.
    """

    key_id: Slug
    ephemeral_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    ciphertext: str


class Withheld(StrEnum):
    """Why a dead letter goes without the original bytes."""

    NO_KEY = "no_key"
    BAD_KEY = "bad_key"
    NO_SECRET = "no_secret"
    TOO_LARGE = "too_large"


class DeadLetter(Message):
    """One refused record. `shape` names JSON fields and types seen, never values.

    Either `sealed` holds the original record, or `withheld` says why nothing does.
    """

    ce_type: ClassVar[str] = "homeostat.dead_letter"
    topic: Annotated[str, Field(max_length=249)]
    partition: Partition
    offset: Offset
    timestamp_ms: EpochMs
    stage: Slug
    reason: Refusal
    tenant: Slug | None = None
    size_bytes: Count
    value_digest: Digest
    shape: Annotated[str, Field(max_length=2000)] = ""
    sealed: SealedBytes | None = None
    withheld: Withheld | None = None


class Original(NamedTuple):
    """What a replay sends again, byte for byte."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def connect_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The headers that Kafka Connect's dead-letter queues carry, so that their tools read ours; no exception text."""
    return [
        ("__connect.errors.topic", letter.topic.encode()),
        ("__connect.errors.partition", str(letter.partition).encode()),
        ("__connect.errors.offset", str(letter.offset).encode()),
        ("__connect.errors.connector.name", b"homeostat"),
        ("__connect.errors.task.id", str(letter.partition).encode()),
        ("__connect.errors.stage", letter.stage.encode()),
        ("__connect.errors.class.name", b"homeostat.schemas.parsing"),
        ("__connect.errors.exception.class.name", b"homeostat.schemas.errors.PoisonRecord"),
        ("__connect.errors.exception.message", letter.reason.value.encode()),
    ]


def encode_unsealed(letter: DeadLetter, record: Record, key: DeadLetterKey | None) -> bytes:
    """What the core hands to the shell as the value of an output with signer `UNSEALED`.

    Three lines: the letter, the public key that the policy named at that record (or null), the packed original.
    Without a key the original is left out here already.
    """
    named = b"null" if key is None else key.model_dump_json().encode()
    original = b"" if key is None else pack_original(Original(record.key, record.value, record.headers))
    return b"\n".join((letter.model_dump_json().encode(), named, original))


def decode_unsealed(value: bytes) -> tuple[DeadLetter, DeadLetterKey | None, bytes]:
    """(letter, key, packed original) of `encode_unsealed`."""
    letter, named, original = value.split(b"\n", 2)
    key = None if named == b"null" else DeadLetterKey.model_validate_json(named)
    return DeadLetter.model_validate_json(letter), key, original


def pack_original(original: Original) -> bytes:
    """Bytes of a record: key, value and headers, each with its length (big-endian int32, -1 for none)."""
    fields: list[bytes | None] = [original.key, original.value]
    for name, value in original.headers:
        fields += [name.encode(), value]
    return b"".join(_pack_field(field) for field in fields)


def unpack_original(packed: bytes) -> Original:
    """Read `pack_original` back. Raises `PoisonRecord` (SCHEMA) for bytes that it did not write."""
    fields: list[bytes | None] = []
    position = 0
    try:
        while position < len(packed):
            field, position = _unpack_field(packed, position)
            fields.append(field)
        key, value, *rest = fields
        headers = [
            ((name or b"").decode(), content or b"") for name, content in zip(rest[::2], rest[1::2], strict=True)
        ]
    except (struct.error, ValueError):
        raise PoisonRecord(Refusal.SCHEMA, "not a packed record") from None
    return Original(key, value, headers)


def _pack_field(field: bytes | None) -> bytes:
    return _LENGTH.pack(_NO_VALUE) if field is None else _LENGTH.pack(len(field)) + field


def _unpack_field(packed: bytes, position: int) -> tuple[bytes | None, int]:
    (length,) = _LENGTH.unpack_from(packed, position)
    start = position + _LENGTH.size
    if length == _NO_VALUE:
        return None, start
    if not 0 <= length <= len(packed) - start:
        raise ValueError("a length beyond the record's end")
    return packed[start : start + length], start + length
