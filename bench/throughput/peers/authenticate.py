"""The MAC check that every peer makes: one keyed state a tenant, copied for each trace."""

import hashlib
from hmac import compare_digest

from homeostat.schemas.mac import derive_tenant_key, start_trace_mac
from homeostat.streams.key_set import FIRST_MASTER

MASTER_PREFIX = f"{FIRST_MASTER}:".encode()


class TraceRefused(Exception):
    """A trace of the benchmark's own input that a peer could not accept: the run is worth nothing."""


class KeyedStates(dict[bytes, "hashlib.blake2b"]):
    """Keyed states by Kafka key, made when a tenant is first seen."""

    def __init__(self, master: bytes) -> None:
        super().__init__()
        self._master = master

    def __missing__(self, key: bytes) -> "hashlib.blake2b":
        self[key] = state = start_trace_mac(derive_tenant_key(self._master, key.decode()))
        return state


def check_mac(states: KeyedStates, key: bytes, event_id: bytes, value: bytes, header: bytes) -> None:
    """Raise `TraceRefused` unless the header holds the MAC of this tenant's trace."""
    state = states[key].copy()
    state.update(len(event_id).to_bytes(2, "big") + event_id)
    state.update(value)
    if not compare_digest(header, MASTER_PREFIX + state.hexdigest().encode()):
        raise TraceRefused(f"MAC of {event_id!r}")
