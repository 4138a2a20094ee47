"""Keys for tests: every role's signer from a fixed seed, the trust store they are in, MAC masters."""

import hashlib
from functools import lru_cache
from pathlib import Path

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import to_json
from homeostat.schemas.key_document import KeyDocument
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.roles import NAMED, SignerRole
from homeostat.streams.signing import Signer

MASTER = "m1"
MASTERS = {MASTER: hashlib.sha256(b"master 1").digest(), "m2": hashlib.sha256(b"master 2").digest()}
"""Two MAC masters; tests activate `m1` unless they say otherwise."""
GATEWAY = "gateway-1"
REVIEWER, SECOND_REVIEWER = "reviewer-1", "reviewer-2"


@lru_cache
def signer(role: SignerRole, name: str | None = None) -> Signer:
    """The one signer of a role (of a name, for gateways and reviewers)."""
    return Signer.from_seed(role, hashlib.sha256(f"{role}/{name}".encode()).digest())


@lru_cache
def trust() -> TrustStore:
    """A store in which one root vouches for a key of every role and of a second reviewer; see `name_of`."""
    root = signer(SignerRole.ROOT)
    return TrustStore.build(root.public_key, [_vouch(root, role, name) for role, name in _find_holders()])


def name_of(role: SignerRole) -> str | None:
    """The name that the role's key in `trust()` carries."""
    return f"{role.value}-1" if role in NAMED else None


def sign(role: SignerRole, payload: bytes, ce_type: str, name: str | None = None) -> bytes:
    """The DSSE envelope of a payload by the role's key in `trust()`, the first one's or that of the name."""
    return signer(role, name or name_of(role)).sign(payload, ce_type)


@lru_cache
def tenant_key(tenant: str, master: str = MASTER) -> bytes:
    """A tenant's MAC key."""
    return derive_tenant_key(MASTERS[master], tenant)


def _vouch(root: Signer, role: SignerRole, name: str | None) -> bytes:
    key = signer(role, name)
    document = KeyDocument(key_id=key.key_id, role=role, name=name, public_key=key.public_key.hex(), valid_from_ms=0)
    return root.sign(to_json(document), KeyDocument.ce_type)


def write_trust(folder: Path) -> Path:
    """The trust folder of `trust()` on disk; gives the folder."""
    folder.mkdir(parents=True)
    root = signer(SignerRole.ROOT)
    (folder / "root.pub").write_text(root.public_key.hex())
    for role, name in _find_holders():
        (folder / f"{signer(role, name).key_id}.json").write_bytes(_vouch(root, role, name))
    return folder


def _find_holders() -> list[tuple[SignerRole, str | None]]:
    roles = [role for role in SignerRole if role is not SignerRole.ROOT]
    return [*((role, name_of(role)) for role in roles), (SignerRole.REVIEWER, SECOND_REVIEWER)]
