"""Canonical bytes (RFC 8785) and digests of messages."""

import hashlib

import rfc8785

from homeostat.schemas.base import Message, Part


def to_canonical(part: Part) -> bytes:
    """RFC 8785 JSON of a model, the same bytes in every language.

    Integers beyond 2⁵³ have no RFC 8785 form: models that carry fixed-point sums use `to_json` instead.
    """
    return rfc8785.dumps(part.model_dump(mode="json"))


def to_json(message: Message) -> bytes:
    """Compact JSON in declared field order: what goes on the wire. Equal messages give equal bytes."""
    return message.model_dump_json().encode()


def digest_bytes(data: bytes) -> str:
    """`sha256:` and 64 hex digits.

    >>> digest_bytes(b"")[:14]
    'sha256:e3b0c44'
    """
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_document(part: Part) -> str:
    """The name of a document: the SHA-256 of its canonical JSON."""
    return digest_bytes(to_canonical(part))


def derive_id(*coordinates: object) -> str:
    """A 32-digit opaque id from coordinates: the same coordinates always give the same id."""
    joined = "\x1f".join(str(part) for part in coordinates).encode()
    return hashlib.blake2b(joined, digest_size=16).hexdigest()
