"""Whose records a Kafka key may carry: tenant, partition, MAC keys. Cached by key, and bounded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING

from homeostat.detectors.leaf.doors import Doors
from homeostat.detectors.leaf.ids import number_tenant
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.mac import authenticate_trace, derive_tenant_key, issue_work_token, same_mac, start_trace_mac
from homeostat.schemas.partition import partition_of
from homeostat.schemas.reasons import Refusal

if TYPE_CHECKING:
    from hashlib import blake2b

_KEY = re.compile(rb"([a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?)(?:#[0-9a-z]{1,16})?")
_LIMIT = 65_536
MOST_EVENT_ID = 255


@dataclass(slots=True)
class Gate:
    """What one Kafka key (`tenant`, `tenant#shard`) may carry: keyed states by master id.

    `number` is the reader's own, `tenant_number` stands for the tenant beside ids.
    """

    tenant: str
    in_place: bool
    number: int = -1
    tenant_number: int = 0
    macs: dict[bytes, "blake2b"] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)

    def authenticate(self, event_id: bytes, value: bytes, header: bytes | None) -> None:
        """Check a trace's MAC header. Raises `PoisonRecord`: MAC_MISSING, MAC_KEY_UNKNOWN, MAC_BAD."""
        if header is None:
            raise PoisonRecord(Refusal.MAC_MISSING)
        master, _, mac = header.partition(b":")
        keyed = self.macs.get(master)
        if keyed is None:
            raise PoisonRecord(Refusal.MAC_KEY_UNKNOWN)
        if len(event_id) > MOST_EVENT_ID:
            raise PoisonRecord(Refusal.MAC_BAD, "over-long event id")
        if not compare_digest(authenticate_trace(keyed, event_id, value).encode(), mac):
            raise PoisonRecord(Refusal.MAC_BAD)

    def check_token(self, token: str, work_id: str, work_time_ms: int, release: str, arm: str, session: str) -> None:
        """Check that feedback names work that this tenant's publisher did so. Raises `PoisonRecord` (TOKEN_BAD)."""
        master, _, _ = token.partition(":")
        key = self.keys.get(master)
        if key is None:
            raise PoisonRecord(Refusal.TOKEN_BAD, "of a master that is not active")
        if not same_mac(issue_work_token(key, master, work_id, work_time_ms, release, arm, session), token):
            raise PoisonRecord(Refusal.TOKEN_BAD)


class Gates:
    """The gates of one partition; `masters` are the secrets by id, of which control activates some."""

    def __init__(self, partition: int, partition_count: int, masters: Mapping[str, bytes]) -> None:
        self._partition, self._count = partition, partition_count
        self._masters = dict(masters)
        self._active: frozenset[str] = frozenset()
        self._by_key: dict[bytes, Gate] = {}
        self.doors = Doors()

    def activate(self, master_ids: frozenset[str]) -> None:
        """Accept MACs under these masters from now on."""
        if master_ids != self._active:
            self._active = master_ids
            self._forget()

    def open(self, key: bytes | None) -> Gate:
        """The gate of a key. Raises `PoisonRecord` (WRONG_TENANT) for a key that names no tenant."""
        found = self._by_key.get(key or b"")
        if found is not None:
            return found
        match = _KEY.fullmatch(key or b"")
        if match is None or key is None:
            raise PoisonRecord(Refusal.WRONG_TENANT, "the key names no tenant")
        gate = self._build(key, match[1].decode())
        if len(self._by_key) >= _LIMIT:
            self._forget()
        self._by_key[key] = gate
        return gate

    def let_in(self, key: bytes, gate: Gate) -> None:
        """Let the kernel take a key's plain traces; its tenant has a number by now."""
        self.doors.add(key, gate.number, gate.macs)

    def _forget(self) -> None:
        self._by_key.clear()
        self.doors = Doors(tuple(master.encode() for master in sorted(self._active & self._masters.keys())))

    def _build(self, key: bytes, tenant: str) -> Gate:
        in_place = partition_of(key, self._count) == self._partition
        gate = Gate(tenant, in_place, tenant_number=number_tenant(tenant))
        for master in sorted(self._active & self._masters.keys()):
            gate.keys[master] = derive_tenant_key(self._masters[master], tenant)
            gate.macs[master.encode()] = start_trace_mac(gate.keys[master])
        return gate
