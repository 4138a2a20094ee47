"""Keys on disk, as `homeostat keys new --out DIR` lays them out, and how a process reads its own.

DIR/trust/root.pub               the root's public key, 64 hex digits
DIR/trust/<key id>.json          a key document in the root's envelope, one file a key
DIR/trust/dead-letters.pub       the X25519 key for the policy's `dead_letters`, 64 hex digits
DIR/private/<role>[-<name>].pem  private keys, 0600, one role a process
DIR/private/dead-letters.pem     opens dead letters: with the replaying principal only
DIR/masters/<id>.master          MAC masters, 64 hex digits, 0600: with leaves and whoever issues tenant keys
DIR/masters/seal.secret          what leaves derive the one-time keys of dead letters from, 64 hex digits, 0600
DIR/offline/root.pem             the root's private key: take it off the machine
"""

import hashlib
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.roles import NAMED, SignerRole
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.signing import Signer, Signers, read_secret

TRUST, PRIVATE, MASTERS, OFFLINE = "trust", "private", "masters", "offline"
ROOT_FILE, ROOT_PRIVATE_FILE = "root.pub", "root.pem"
DEAD_LETTER_PUBLIC_FILE, DEAD_LETTER_FILE, SEAL_FILE = "dead-letters.pub", "dead-letters.pem", "seal.secret"
MASTER_SUFFIX = ".master"
SECRET_BYTES = 32


def load_trust(folder: Path) -> TrustStore:
    """Read the trust folder. Raises `SettingsInvalid` for a missing root, `SignatureRefused` for a forged document."""
    root = folder / ROOT_FILE
    if not root.is_file():
        raise SettingsInvalid(f"{root} does not exist: make keys with `homeostat keys new`, or set keys.trust_folder")
    documents = sorted(folder.glob("*.json"))
    return TrustStore.build(_read_hex(root, root.read_bytes()), [path.read_bytes() for path in documents])


def load_signers(path: Path, roles: Collection[SignerRole], name: str | None = None) -> Signers:
    """The signers of a process: from one PEM file for one role, or from a folder with `<role>.pem` for each.

    A gateway's or reviewer's file is `<role>-<name>.pem`. Raises `SettingsInvalid`.
    """
    if path.is_dir():
        return Signers(Signer.load(role, path / private_file(role, name)) for role in roles)
    if len(roles) != 1:
        raise SettingsInvalid(f"{path} is one key for {len(roles)} roles: give the folder of the private keys")
    return Signers(Signer.load(role, path) for role in roles)


def load_masters(folder: Path) -> dict[str, bytes]:
    """MAC masters by id. Raises `SettingsInvalid` if there is none, or one can be read by others."""
    found = {
        path.name.removesuffix(MASTER_SUFFIX): _read_hex(path, read_secret(path))
        for path in sorted(folder.glob(f"*{MASTER_SUFFIX}"))
    }
    if not found:
        raise SettingsInvalid(f"no {MASTER_SUFFIX} file in {folder}: make keys with `homeostat keys new`")
    return found


def load_seal_secret(folder: Path) -> bytes:
    """The 32 bytes from which leaves derive the one-time keys of dead letters."""
    path = folder / SEAL_FILE
    return _read_hex(path, read_secret(path))


def load_dead_letter_key(trust_folder: Path) -> DeadLetterKey:
    """The policy's entry for the public key in a trust folder. Raises `SettingsInvalid`."""
    path = trust_folder / DEAD_LETTER_PUBLIC_FILE
    if not path.is_file():
        raise SettingsInvalid(f"{path} does not exist: make keys with `homeostat keys new`")
    return name_dead_letter_key(_read_hex(path, path.read_bytes()))


def load_dead_letter_private(path: Path) -> X25519PrivateKey:
    """The key that opens dead letters. Raises `SettingsInvalid`."""
    try:
        private = load_pem_private_key(read_secret(path), password=None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, X25519PrivateKey):
        raise SettingsInvalid(f"{path} is not an unencrypted X25519 key in PEM: make keys with `homeostat keys new`")
    return private


def name_dead_letter_key(public: bytes) -> DeadLetterKey:
    """The policy's entry for a public key; its id comes from the key."""
    return DeadLetterKey(key_id=f"dead-letters-{hashlib.sha256(public).hexdigest()[:16]}", public_key=public.hex())


def private_file(role: SignerRole, name: str | None = None) -> str:
    """The file name of a role's private key."""
    if role in NAMED and name is None:
        raise SettingsInvalid(f"a {role} key is kept under its name: give the {role}'s name")
    return f"{role}-{name}.pem" if role in NAMED else f"{role}.pem"


def _read_hex(path: Path, text: bytes) -> bytes:
    try:
        secret = bytes.fromhex(text.decode().strip())
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise SettingsInvalid(f"{path} does not hold {2 * SECRET_BYTES} hex digits")
    return secret
