"""DSSE envelopes (Dead Simple Signing Envelope 1.0): the bytes that are signed, and their JSON form."""

import base64
import binascii
import json
from typing import Annotated

from pydantic import Field, ValidationError

from homeostat.schemas.base import KeyId, Part
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.reasons import Refusal

PAYLOAD_PREFIX = "application/vnd."
PAYLOAD_SUFFIX = "+json"
_STANDARD = str.maketrans("-_", "+/")


class Signature(Part):
    """One signature; `keyid` is a hint that picks the key, never proof."""

    keyid: KeyId
    sig: Annotated[str, Field(max_length=128)]


class Envelope(Part):
    """`payload` and `sig` are standard base64."""

    payload: str
    payloadType: Annotated[str, Field(max_length=128)]  # noqa: N815 the name that DSSE gives it
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=8)]

    @property
    def ce_type(self) -> str:
        """The message type that the payload claims."""
        return self.payloadType.removeprefix(PAYLOAD_PREFIX).removesuffix(PAYLOAD_SUFFIX)


def payload_type(ce_type: str) -> str:
    """The DSSE payload type of a message type."""
    return f"{PAYLOAD_PREFIX}{ce_type}{PAYLOAD_SUFFIX}"


def encode_signing_bytes(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding.

    >>> encode_signing_bytes("t", b"hello")
    b'DSSEv1 1 t 5 hello'
    """
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def build_envelope(kind: str, payload: bytes, signatures: list[tuple[str, bytes]]) -> bytes:
    """The envelope's JSON, in one fixed form, so that equal payloads and keys give equal bytes."""
    body = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(sig).decode()} for key_id, sig in signatures],
    }
    return json.dumps(body, separators=(",", ":")).encode()


def read_envelope(data: bytes | None) -> tuple[Envelope, bytes]:
    """(envelope, payload bytes). Raises `SignatureRefused` where it is no envelope."""
    if data is None:
        raise SignatureRefused(Refusal.SIGNATURE_MISSING, "no value")
    try:
        envelope = Envelope.model_validate_json(data)
    except ValidationError:
        raise SignatureRefused(Refusal.SIGNATURE_MISSING, "not a DSSE envelope") from None
    payload = decode_base64(envelope.payload)
    if payload is None:
        raise SignatureRefused(Refusal.SIGNATURE_MISSING, "the payload is not base64")
    return envelope, payload


def decode_base64(text: str) -> bytes | None:
    r"""Bytes of standard or URL-safe base64 (DSSE 1.0 has verifiers accept both), or None.

    >>> decode_base64("-_8="), decode_base64("+/8="), decode_base64("not base64")
    (b'\xfb\xff', b'\xfb\xff', None)
    """
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except (binascii.Error, ValueError):
        return None
