"""The bytes of each slot's trace, made when it is due: a few microseconds of formatting and its MAC."""

import itertools
from typing import NamedTuple

import numpy as np

from bench.latency.documents import CONTROL, NEVER_SIGNAL, digest_of, name_candidate
from bench.latency.plan import Kind, Visit
from bench.latency.sizes import Size
from bench.throughput.sizes import SPECIALTIES, WORKFLOW, name_tenant
from bench.throughput.traces import NAMES, draw_values
from homeostat.schemas.headers import event_headers
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, derive_tenant_key, encode_mac, start_trace_mac
from homeostat.schemas.partition import partition_of
from homeostat.schemas.trace import WorkTrace

_POOL = 8_192
"""Rows of values that are drawn before the run and come again."""


class TraceRecord(NamedTuple):
    """What is produced."""

    key: bytes
    partition: int
    value: bytes
    headers: list[tuple[str, bytes]]


class TraceMaker:
    """All tenants' publishers at once. The same bytes for the same arguments and calls."""

    def __init__(self, size: Size, master_id: str, master: bytes, seed: int, slots: int) -> None:
        random = np.random.default_rng(seed)
        names = [name_tenant(number) for number in range(size.tenants)]
        self._numbers = {name: number for number, name in enumerate(names)}
        self._keys = [name.encode() for name in names]
        self._partitions = [partition_of(key, size.partitions) for key in self._keys]
        self._macs = [start_trace_mac(derive_tenant_key(master, name)) for name in names]
        self._master_id, self._names = master_id, names
        self._control, self._candidates = digest_of(CONTROL), [digest_of(name_candidate(n)) for n in range(64)]
        self._of_slot = random.integers(0, size.tenants * len(SPECIALTIES), slots).astype(np.int32)
        self._fine, self._worse = (
            itertools.cycle(_texts(draw_values(random, np.full(_POOL, worse)))) for worse in (False, True)
        )

    def ordinary(self, slot: int, now_ms: int) -> TraceRecord:
        """A session that no rollout is about."""
        tenant, specialty = divmod(int(self._of_slot[slot]), len(SPECIALTIES))
        tags = f'"release":"{self._control}","arm":"baseline"'
        return self._make(slot, now_ms, tenant, specialty, f"{slot:032x}", tags, next(self._fine), 0)

    def visit(self, slot: int, now_ms: int, visit: Visit) -> TraceRecord:
        """A session of a rollout, in the arm that a gateway would give it."""
        trial = visit.trial
        arm, release = ("candidate", self._candidates[trial.round]) if visit.candidate else ("control", self._control)
        values = next(self._worse if visit.kind is Kind.WORSE else self._fine)
        tags = f'"release":"{release}","arm":"{arm}","rollout":"{trial.rollout}"'
        tenant, occurs = self._numbers[trial.tenant], int(visit.kind is Kind.NEVER)
        return self._make(slot, now_ms, tenant, trial.specialty, visit.session, tags, values, occurs)

    def _make(
        self, slot: int, now_ms: int, tenant: int, specialty: int, session: str, tags: str, values: str, occurs: int
    ) -> TraceRecord:
        trace_id = name_trace(slot)
        value = (
            f'{{"trace_id":"{trace_id}","tenant":"{self._names[tenant]}","specialty":"{SPECIALTIES[specialty]}",'
            f'"workflow":"{WORKFLOW}","runtime":"scribe-a",{tags},"consent":"shared","session":"{session}",'
            f'"actor":"{slot % 997:016x}","work_id":"{slot:016x}","work_time_ms":{now_ms},'
            f'"signals":{{{values},"{NEVER_SIGNAL}":{occurs}}}}}'
        ).encode()
        mac = encode_mac(self._master_id, authenticate_trace(self._macs[tenant], trace_id.encode(), value))
        headers = [
            *event_headers(WorkTrace.ce_type, trace_id, f"/runtimes/{self._names[tenant]}"),
            (MAC_HEADER, mac),
        ]
        return TraceRecord(self._keys[tenant], self._partitions[tenant], value, headers)


def name_trace(slot: int) -> str:
    return f"{slot:032x}"


def slot_of(trace_id: str) -> int:
    """The slot of `name_trace`."""
    return int(trace_id, 16)


def _texts(rows: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> list[str]:
    template = ",".join(f'"{name}":%r' for name in NAMES)
    return [template % tuple(row) for row in rows.tolist()]
