"""Writing keys to disk: public documents for everyone, private ones 0600, whole or not at all."""

import shutil
import tempfile
from pathlib import Path

from pydantic import SecretStr, ValidationError

from homeostat.schemas.roles import NAMED, SignerRole
from homeostat.streams.client.tenant_key import TenantKey
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.key_set import KeySet, NamedSigner, vouch
from homeostat.streams.keys import (
    DEAD_LETTER_FILE,
    DEAD_LETTER_PUBLIC_FILE,
    MASTER_SUFFIX,
    MASTERS,
    OFFLINE,
    PRIVATE,
    ROOT_FILE,
    ROOT_PRIVATE_FILE,
    SEAL_FILE,
    TRUST,
    load_trust,
    private_file,
)
from homeostat.streams.signing import Signer


def write_key_set(keys: KeySet, folder: Path) -> list[Path]:
    """Write a new installation's keys; the files' paths, sorted.

    Everything appears at once, or not at all. Raises `SettingsInvalid` if the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingsInvalid(f"{folder} already holds something: keys are never overwritten; choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_public(keys, draft / TRUST)
        _write_private(keys, draft)
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return sorted(path for path in folder.rglob("*") if path.is_file())


def add_key(folder: Path, role: SignerRole, name: str | None, now_ms: int) -> tuple[str, Path]:
    """Make one more key of a role and vouch for it: (key id, its private file). The root's key must be at hand.

    The first key of a role or name takes its usual file; a further one, for rotation, is named by its key id.
    Raises `SettingsInvalid` for a folder without a root key, or one that its trust folder does not name.
    """
    root = Signer.load(SignerRole.ROOT, folder / OFFLINE / ROOT_PRIVATE_FILE)
    if root.key_id not in load_trust(folder / TRUST).keys:
        raise SettingsInvalid(f"the root key in {folder / OFFLINE} is not the one that {folder / TRUST} trusts")
    if role is SignerRole.ROOT or (role in NAMED) != (name is not None):
        raise SettingsInvalid("a gateway's or reviewer's key needs its --name; other roles have none, and root stays")
    signer = Signer.generate(role)
    path = folder / PRIVATE / private_file(role, name)
    path = path.with_name(f"{signer.key_id}.pem") if path.exists() else path
    _write_secret(path, signer.to_pem())
    (folder / TRUST / f"{signer.key_id}.json").write_bytes(vouch(root, signer, name, now_ms))
    return signer.key_id, path


def add_master(folder: Path, master_id: str, secret: bytes) -> Path:
    """Add a MAC master. Raises `SettingsInvalid` if one of that id exists."""
    path = folder / MASTERS / f"{master_id}{MASTER_SUFFIX}"
    if path.exists():
        raise SettingsInvalid(f"{path} exists: a master is never replaced, a new one gets a new id")
    _write_secret(path, f"{secret.hex()}\n".encode())
    return path


def write_tenant_key(path: Path, tenant: str, master_id: str, secret: bytes) -> None:
    """Write a publisher's key file. Raises `SettingsInvalid` if the file exists, or a name cannot be a tenant's."""
    try:
        content = TenantKey(tenant=tenant, master_id=master_id, key=SecretStr(secret.hex()))
    except ValidationError:
        raise SettingsInvalid(f"{tenant} cannot be a tenant's name: lower case, digits, - and _") from None
    if path.exists():
        raise SettingsInvalid(f"{path} exists: keys are never overwritten")
    _write_secret(path, content.to_file())


def _write_public(keys: KeySet, folder: Path) -> None:
    folder.mkdir()
    (folder / ROOT_FILE).write_text(f"{keys.root.public_key.hex()}\n", encoding="ascii")
    (folder / DEAD_LETTER_PUBLIC_FILE).write_text(f"{keys.dead_letter_key().public_key}\n", encoding="ascii")
    for key_id, envelope in keys.documents().items():
        (folder / f"{key_id}.json").write_bytes(envelope)


def _write_private(keys: KeySet, folder: Path) -> None:
    for name in (OFFLINE, PRIVATE, MASTERS):
        (folder / name).mkdir(mode=0o700)
    _write_secret(folder / OFFLINE / ROOT_PRIVATE_FILE, keys.root.to_pem())
    for member in keys.members:
        _write_member(member, folder / PRIVATE)
    _write_secret(folder / PRIVATE / DEAD_LETTER_FILE, keys.dead_letter_pem())
    _write_secret(folder / MASTERS / SEAL_FILE, f"{keys.seal_secret.hex()}\n".encode())
    for master_id, secret in keys.masters.items():
        add_master(folder, master_id, secret)


def _write_member(member: NamedSigner, folder: Path) -> None:
    _write_secret(folder / private_file(member.signer.role, member.name), member.signer.to_pem())


def _write_secret(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)
