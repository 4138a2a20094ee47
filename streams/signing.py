"""Signers: one private key a role, which wraps payloads in DSSE envelopes."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from homeostat.schemas.dsse import build_envelope, encode_signing_bytes, payload_type
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.key_document import derive_key_id
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.streams.errors import SettingsInvalid


class Signer:
    """Signs for one role. Ed25519 is deterministic: equal payloads give equal envelopes, whoever signs and whenever."""

    def __init__(self, role: SignerRole, private: Ed25519PrivateKey) -> None:
        self.role = role
        self._private = private
        self.public_key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = derive_key_id(role, self.public_key)

    @classmethod
    def generate(cls, role: SignerRole) -> Self:
        """A signer with a new key."""
        return cls(role, Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, role: SignerRole, seed: bytes) -> Self:
        """A signer whose key is these 32 bytes; for tests and repeatable trials only."""
        return cls(role, Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, role: SignerRole, path: Path) -> Self:
        """Read an unencrypted PKCS #8 PEM that only its owner can read. Raises `SettingsInvalid`."""
        try:
            private = load_pem_private_key(read_secret(path), password=None)
        except (ValueError, TypeError):
            raise SettingsInvalid(f"{path} is not an unencrypted PEM private key") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise SettingsInvalid(f"{path} is not an Ed25519 key: make keys with `homeostat keys new`")
        return cls(role, private)

    def to_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM; it belongs in a file of mode 0600."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, payload: bytes, ce_type: str) -> bytes:
        """The DSSE envelope of a payload, signed as a message of this type."""
        kind = payload_type(ce_type)
        return build_envelope(kind, payload, [(self.key_id, self.sign_bytes(encode_signing_bytes(kind, payload)))])

    def sign_bytes(self, signed: bytes) -> bytes:
        """The bare signature, 64 bytes."""
        return self._private.sign(signed)

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"


class Signers:
    """The signers of one process, by role."""

    def __init__(self, signers: Iterable[Signer] = ()) -> None:
        self._by_role = {signer.role: signer for signer in signers}

    def __getitem__(self, role: str) -> Signer:
        try:
            return self._by_role[SignerRole(role)]
        except (KeyError, ValueError):
            raise SettingsInvalid(f"this process holds no {role} key: set keys.private_key_path") from None

    def __contains__(self, role: str) -> bool:
        return role in self._by_role

    def sign_output(self, output: Output) -> Output:
        """The output with its value in an envelope of the role that it names, and no signer left.

        The type that is signed is the one in its headers. Without a signer, or a value, it comes back as it is.
        """
        if output.signer is None or output.value is None:
            return output
        ce_type = (find_header(output.headers, CE_TYPE) or b"").decode()
        return output._replace(value=self[output.signer].sign(output.value, ce_type), signer=None)


def read_secret(path: Path) -> bytes:
    """A secret file's bytes. Raises `SettingsInvalid` if it is missing, or if anyone but its owner can read it."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SettingsInvalid(
            f"{path} cannot be read ({error.strerror}): make keys with `homeostat keys new`"
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise SettingsInvalid(f"{path} can be read by others than its owner: chmod 600 {path}")
    return path.read_bytes()
