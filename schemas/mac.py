"""Keyed MACs of traces and work tokens (BLAKE2b, 128 bit): nobody speaks for another tenant."""

import hashlib
import re
from hmac import compare_digest

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal

MAC_HEADER = "hs-mac"
MAC_BYTES = 16
_ENCODED = re.compile(rb"([a-z0-9][a-z0-9.-]{0,63}):([0-9a-f]{32})")


def derive_tenant_key(master: bytes, tenant: str) -> bytes:
    """A tenant's 32-byte key from the master of one id. A publisher holds its own, never the master."""
    return hashlib.blake2b(tenant.encode(), key=master, digest_size=32, person=b"hs-tenant-key").digest()


def start_trace_mac(tenant_key: bytes) -> "hashlib.blake2b":
    """A keyed state to copy for each trace: copying is cheaper than keying again."""
    return hashlib.blake2b(key=tenant_key, digest_size=MAC_BYTES, person=b"hs-trace-mac")


def authenticate_trace(keyed: "hashlib.blake2b", event_id: bytes, value: bytes) -> str:
    """32 hex digits over the event id's length, the event id and the value's bytes."""
    state = keyed.copy()
    state.update(len(event_id).to_bytes(2, "big") + event_id)
    state.update(value)
    return state.hexdigest()


def encode_mac(key_id: str, mac: str) -> bytes:
    """The header's value: `<key id>:<32 hex digits>`."""
    return f"{key_id}:{mac}".encode()


def issue_work_token(
    tenant_key: bytes, key_id: str, work_id: str, work_time_ms: int, release: str, arm: str, session: str
) -> str:
    """The token that lets feedback count for the release, arm and session that did the work."""
    joined = "\x1f".join((work_id, str(work_time_ms), release, arm, session)).encode()
    mac = hashlib.blake2b(joined, key=tenant_key, digest_size=MAC_BYTES, person=b"hs-work-token").hexdigest()
    return f"{key_id}:{mac}"


def read_mac(header: bytes | None) -> tuple[str, str]:
    """(key id, MAC) of a header's value or a work token. Raises `PoisonRecord`: MAC_MISSING, MAC_BAD."""
    if header is None:
        raise PoisonRecord(Refusal.MAC_MISSING)
    found = _ENCODED.fullmatch(header)
    if found is None:
        raise PoisonRecord(Refusal.MAC_BAD, "not <key id>:<32 hex digits>")
    return found[1].decode(), found[2].decode()


def same_mac(left: str, right: str) -> bool:
    """Compare in constant time. Text that is no MAC is no error here, only different."""
    return compare_digest(left.encode(errors="replace"), right.encode(errors="replace"))
