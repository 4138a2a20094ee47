"""The trust store: which key may sign what. Checks only; no private key and no file comes near it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from homeostat.schemas.dsse import decode_base64, encode_signing_bytes, payload_type, read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.key_document import KeyDocument, derive_key_id
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole

_GRAVITY = (Refusal.KEY_UNKNOWN, Refusal.KEY_WRONG_ROLE, Refusal.SIGNATURE_BAD)


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that the root vouches for; `name` is the gateway or reviewer that it may speak for."""

    key_id: str
    role: SignerRole
    name: str | None
    public: Ed25519PublicKey
    valid_from_ms: int = 0


class Verified(NamedTuple):
    """A payload and the key that signed it."""

    payload: bytes
    key: TrustedKey


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Keys by id, parsed once. Several keys of one role may be trusted at the same time (rotation)."""

    keys: Mapping[str, TrustedKey]

    @classmethod
    def build(cls, root_public: bytes | Iterable[bytes], envelopes: Iterable[bytes]) -> Self:
        """Read key documents, each in an envelope of a root (32 raw bytes each; several while one is replaced).

        Raises `SignatureRefused` for an envelope that no root signed, or whose document is not one of a key.
        """
        roots = [root_public] if isinstance(root_public, bytes) else list(root_public)
        vouching = cls(MappingProxyType({key.key_id: key for key in map(_read_root, roots)}))
        documents = [vouching._read_document(envelope) for envelope in envelopes]
        return cls(MappingProxyType({**vouching.keys, **{key.key_id: key for key in documents}}))

    def activate(self, key_ids: Collection[str]) -> "TrustStore":
        """A store with the roots and the listed keys only; an empty list leaves every key."""
        if not key_ids:
            return self
        kept = {i: key for i, key in self.keys.items() if i in key_ids or key.role is SignerRole.ROOT}
        return TrustStore(MappingProxyType(kept))

    def verify(
        self, value: bytes | None, ce_type: str, roles: Collection[SignerRole], at_ms: int | None = None
    ) -> bytes:
        """The payload of an envelope that a key of one of `roles` signed as `ce_type`; see `verify_with_key`."""
        return self.verify_with_key(value, ce_type, roles, at_ms).payload

    def verify_with_key(
        self, value: bytes | None, ce_type: str, roles: Collection[SignerRole], at_ms: int | None = None
    ) -> Verified:
        """The payload and the key that signed it; one good signature of an allowed role is enough.

        With `at_ms` a key counts from its `valid_from_ms` on. Raises `SignatureRefused`: SIGNATURE_MISSING (no
        envelope), KEY_UNKNOWN, KEY_WRONG_ROLE, SIGNATURE_BAD (wrong bytes, or signed as another type).
        """
        envelope, payload = read_envelope(value)
        if envelope.payloadType != payload_type(ce_type):
            raise SignatureRefused(Refusal.SIGNATURE_BAD, f"signed as another type than {ce_type}")
        signed = encode_signing_bytes(envelope.payloadType, payload)
        gravest = Refusal.KEY_UNKNOWN
        for signature in envelope.signatures:
            key = self.keys.get(signature.keyid)
            refusal = _judge(key, roles, at_ms)
            if key is not None and refusal is None:
                if _is_signed(key.public.public_bytes_raw(), decode_base64(signature.sig), signed):
                    return Verified(payload, key)
                refusal = Refusal.SIGNATURE_BAD
            gravest = max(gravest, refusal or gravest, key=_GRAVITY.index)
        raise SignatureRefused(gravest, f"{ce_type} signed by {', '.join(s.keyid for s in envelope.signatures)}")

    def _read_document(self, envelope: bytes) -> TrustedKey:
        payload = self.verify(envelope, KeyDocument.ce_type, (SignerRole.ROOT,))
        try:
            document, _ = parse_message(KeyDocument, payload)
        except PoisonRecord as error:
            raise SignatureRefused(Refusal.KEY_UNKNOWN, f"not a key document: {error}") from None
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(document.public_key))
        return TrustedKey(document.key_id, document.role, document.name, public, document.valid_from_ms)


def _read_root(public: bytes) -> TrustedKey:
    key = Ed25519PublicKey.from_public_bytes(public)
    return TrustedKey(derive_key_id(SignerRole.ROOT, public), SignerRole.ROOT, None, key)


def _judge(key: TrustedKey | None, roles: Collection[SignerRole], at_ms: int | None) -> Refusal | None:
    if key is None or (at_ms is not None and at_ms < key.valid_from_ms):
        return Refusal.KEY_UNKNOWN
    return None if key.role in roles else Refusal.KEY_WRONG_ROLE


@lru_cache(maxsize=256)
def _is_signed(public: bytes, signature: bytes | None, signed: bytes) -> bool:
    """Whether a key signed these bytes; remembered, because every partition of a worker reads the same documents."""
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True
