"""Signed traces, made quickly: the bytes a publisher would send, without the defaults it may leave out."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.throughput.sizes import SHIFTED_SIGNAL, SPECIALTIES, WORKFLOW, Size, is_shifted, name_tenant
from homeostat.schemas.headers import event_headers
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, encode_mac, start_trace_mac
from homeostat.schemas.partition import partition_of
from homeostat.schemas.trace import WorkTrace
from homeostat.streams.key_set import FIRST_MASTER, KeySet

SHIFTED_MEAN = 0.6
_MEANS = {
    "edit_ratio": 0.12,
    "unsupported_ratio": 0.05,
    "omission_ratio": 0.08,
    "latency_s": 9.0,
    "structure_score": 0.93,
    "dialogue_words": 1_300.0,
    "field_completeness": 0.88,
    "note_words": 420.0,
    "retrieved_sources": 6.0,
    "tool_error_ratio": 0.03,
}
_RATES = {"accepted": 0.94, "session_yield": 0.995}
_HIGHS = {"latency_s": 60.0, "dialogue_words": 5_000.0, "note_words": 2_000.0, "retrieved_sources": 20.0}
NAMES = (
    "edit_ratio",
    "unsupported_ratio",
    "omission_ratio",
    "accepted",
    "latency_s",
    "session_yield",
    "structure_score",
    "dialogue_words",
    "field_completeness",
    "note_words",
    "retrieved_sources",
    "tool_error_ratio",
)
_CHUNK = 10_000
_CONCENTRATION = 20.0
"""A beta distribution's a + b: how closely a note's figures lie around their mean."""


class Publication(NamedTuple):
    """One record: its place among all traces, where it goes, what it is."""

    number: int
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Publisher:
    """One tenant: its key, its partition, and what all of its traces have in common."""

    def __init__(self, keys: KeySet, number: int, release: str, partitions: int) -> None:
        self.tenant = name_tenant(number)
        self.key = self.tenant.encode()
        self.partition = partition_of(self.key, partitions)
        self._keyed = start_trace_mac(keys.tenant_key(self.tenant))
        self._heads = [
            f',"tenant":"{self.tenant}","specialty":"{name}","workflow":"{WORKFLOW}","runtime":"scribe-a",'
            f'"release":"{release}","arm":"baseline","consent":"shared",'
            for name in SPECIALTIES
        ]

    def publish(self, number: int, specialty: int, time_ms: int, values: str) -> Publication:
        trace_id = f"{number:032x}"
        value = (
            f'{{"trace_id":"{trace_id}"{self._heads[specialty]}"session":"{number:032x}","actor":"{number % 997:016x}"'
            f',"work_id":"{number:016x}","work_time_ms":{time_ms},"signals":{{{values}}}}}'
        ).encode()
        mac = encode_mac(FIRST_MASTER, authenticate_trace(self._keyed, trace_id.encode(), value))
        headers = [*event_headers(WorkTrace.ce_type, trace_id, f"/runtimes/{self.tenant}"), (MAC_HEADER, mac)]
        return Publication(number, self.partition, self.key, value, headers)


def make_traces(size: Size, keys: KeySet, release: str, start_ms: int, seed: int) -> Iterator[Publication]:
    """All traces of a run in order; the same bytes for the same arguments."""
    publishers = [Publisher(keys, number, release, size.partitions) for number in range(size.tenants)]
    random = np.random.default_rng(seed)
    template = ",".join(f'"{name}":%r' for name in NAMES)
    for first in range(0, size.traces, _CHUNK):
        numbers = range(first, min(first + _CHUNK, size.traces))
        tenants = random.integers(0, size.tenants, len(numbers)).tolist()
        specialties = random.integers(0, len(SPECIALTIES), len(numbers)).tolist()
        shifted = [
            number >= size.shift_from and is_shifted(tenant, specialty)
            for number, tenant, specialty in zip(numbers, tenants, specialties, strict=True)
        ]
        rows = draw_values(random, np.array(shifted))
        for number, tenant, specialty, row in zip(numbers, tenants, specialties, rows.tolist(), strict=True):
            time_ms = start_ms + number * 1000 // size.pace
            yield publishers[tenant].publish(number, specialty, time_ms, template % tuple(row))


def draw_values(random: np.random.Generator, shifted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values of the twelve signals for each trace, float64 [n, 12]; worse where `shifted`."""
    columns = []
    for name in NAMES:
        if name in _RATES:
            columns.append((random.random(shifted.size) < _RATES[name]).astype(np.float64))
            continue
        high = _HIGHS.get(name, 1.0)
        mean = np.full(shifted.size, _MEANS[name] / high)
        if name == SHIFTED_SIGNAL:
            mean[shifted] = SHIFTED_MEAN
        drawn = random.beta(mean * _CONCENTRATION, (1 - mean) * _CONCENTRATION) * high
        columns.append(np.round(drawn, 1 if high > 20 else 4))
    return np.column_stack(columns)
