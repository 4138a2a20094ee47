"""Sealing of dead letters: AES-256-GCM under a one-time X25519 key, the same bytes whenever a record is refused again.

A leaf derives the one-time key from a secret of the leaves, the record's coordinates and its content: a repeat after
a crash is byte-identical, no nonce is used for two contents, and who has the topic alone learns nothing.
"""

import base64
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from homeostat.schemas.canonical import to_json
from homeostat.schemas.dead_letter import (
    UNSEALED,
    DeadLetter,
    Original,
    SealedBytes,
    Withheld,
    connect_headers,
    decode_unsealed,
    unpack_original,
)
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.log import Output
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.reasons import Refusal

MAX_ORIGINAL_BYTES = 1_400_000
"""In base64, with the letter, this stays under the topic's largest message of 2 MiB."""
_NONCE_BYTES = 12


class Sealer:
    """Seals what the core hands out; `secret` is the leaves' 32 bytes (`keys.load_seal_secret`).

    A process that holds no secret withholds the bytes: a dead letter leaves in any case.
    """

    def __init__(self, secret: bytes | None) -> None:
        self._secret = secret

    def seal_output(self, output: Output) -> Output:
        """The output as it leaves: bytes sealed or withheld, Connect's headers added. Others come back as they are."""
        if output.signer != UNSEALED or output.value is None:
            return output
        letter, key, original = decode_unsealed(output.value)
        letter = self._complete(letter, key, original)
        headers = [*output.headers, *connect_headers(letter)]
        return output._replace(value=to_json(letter), headers=headers, signer=None)

    def _complete(self, letter: DeadLetter, key: DeadLetterKey | None, original: bytes) -> DeadLetter:
        if key is None:
            return letter.model_copy(update={"withheld": Withheld.NO_KEY})
        if self._secret is None:
            return letter.model_copy(update={"withheld": Withheld.NO_SECRET})
        if len(original) > MAX_ORIGINAL_BYTES:
            return letter.model_copy(update={"withheld": Withheld.TOO_LARGE})
        sealed = _seal(self._secret, letter, key, original)
        return letter.model_copy(update={"sealed": sealed, "withheld": None if sealed else Withheld.BAD_KEY})


def _seal(secret: bytes, letter: DeadLetter, key: DeadLetterKey, original: bytes) -> SealedBytes | None:
    """None for a public key that is no point to exchange with."""
    recipient = bytes.fromhex(key.public_key)
    context = _bind(letter) + recipient + hashlib.sha256(original).digest()
    ephemeral = X25519PrivateKey.from_private_bytes(_derive(secret, b"hs-seal-key", context, 32))
    public = ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    nonce = _derive(secret, b"hs-seal-nonce", context, _NONCE_BYTES)
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError:
        return None
    sealed = AESGCM(_derive_data_key(shared, public, recipient)).encrypt(nonce, original, _bind(letter))
    return SealedBytes(
        key_id=key.key_id,
        ephemeral_key=public.hex(),
        nonce=nonce.hex(),
        ciphertext=base64.b64encode(sealed).decode(),
    )


def _derive(secret: bytes, person: bytes, context: bytes, size: int) -> bytes:
    return hashlib.blake2b(context, key=secret, digest_size=size, person=person).digest()


def open_letter(letter: DeadLetter, private: X25519PrivateKey) -> Original:
    """The original record. Raises `PoisonRecord` if it was withheld, is sealed to another key or was altered."""
    if letter.sealed is None:
        raise PoisonRecord(letter.reason, f"its bytes were not kept ({letter.withheld or 'unknown'})")
    recipient = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = bytes.fromhex(letter.sealed.ephemeral_key)
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        cipher = AESGCM(_derive_data_key(shared, public, recipient))
        sealed = base64.b64decode(letter.sealed.ciphertext, validate=True)
        packed = cipher.decrypt(bytes.fromhex(letter.sealed.nonce), sealed, _bind(letter))
    except (InvalidTag, ValueError):
        raise PoisonRecord(Refusal.SIGNATURE_BAD, "sealed to another key, or altered") from None
    return unpack_original(packed)


def _bind(letter: DeadLetter) -> bytes:
    return f"{letter.topic}/{letter.partition}/{letter.offset}/{letter.reason}/{letter.value_digest}".encode()


def _derive_data_key(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = b"homeostat dead letter 1" + ephemeral + recipient
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)
