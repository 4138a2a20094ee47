"""Keys on disk: the trust folder, role keys, MAC masters and what seals dead letters.

DIR/trust/root.pub               the root's public key, 64 hex digits
DIR/trust/<key id>.json          a key document in the root's envelope, one file a key
DIR/private/<role>[-<name>].pem  private keys, 0600, one role a process; root.pem belongs offline
DIR/masters/<id>.master          MAC masters, 64 hex digits, 0600: with leaves and whoever issues tenant keys
DIR/masters/seal.secret          what leaves derive a dead letter's one-time key from, 64 hex digits, 0600
DIR/private/dead-letters.pem     the X25519 key that opens dead letters: with the replaying principal only
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.roles import NAMED, SignerRole
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.signing import Signer, Signers, read_secret

ROOT_FILE, SEAL_FILE, DEAD_LETTER_FILE = "root.pub", "seal.secret", "dead-letters.pem"
TRUST, PRIVATE, MASTERS = "trust", "private", "masters"
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


def tenant_keys(masters: dict[str, bytes], tenants: Iterable[str]) -> dict[str, dict[str, bytes]]:
    """{tenant: {master id: the tenant's key}}."""
    return {tenant: {i: derive_tenant_key(master, tenant) for i, master in masters.items()} for tenant in tenants}


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
