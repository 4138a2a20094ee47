"""One plan, its routes, and the three readers of a work trace side by side: scanner, compiled decoder, contract."""

import math
import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    FLAGS,
    ID,
    KEEPS_PRIVATE,
    KIND,
    PAIR,
    RELEASE,
    REMARK,
    ROW_TEXT,
    ROW_WORK,
    SESSION,
    SLOT,
    Bytes,
)
from homeostat.detectors.leaf.bands import flag_bands
from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.decode import TraceDecoder, Values
from homeostat.detectors.leaf.ids import number_id, number_tenant
from homeostat.detectors.leaf.plan import WORK, Plan
from homeostat.detectors.leaf.reader import TraceReader
from homeostat.detectors.leaf.routes import Route, Router
from homeostat.detectors.leaf.scan import scan_rows
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.tables import SEEDS
from homeostat.detectors.leaf.tenants import Gate
from homeostat.detectors.leaf.world import World
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Arm, Consent
from tests.builders import traces
from tests.builders.documents import START_MS, policy, rollout

PLAN = Plan(policy())
TENANT, TENANT_NUMBER = "tenant-1", 1
TENANTS = ("tenant-0", TENANT, "tenant-10")
GATE = Gate(TENANT, in_place=True, number=TENANT_NUMBER, tenant_number=number_tenant(TENANT))


class Read(NamedTuple):
    """What a row says of a trace: its route, flags, numbered ids, and values by column as bits (−0 counts as 0)."""

    route: Route
    flags: int
    trace_id: tuple[int, ...]
    session: tuple[int, ...]
    values: bytes


def bits(values: Sequence[float]) -> bytes:
    """Values to compare: every nan alike, and −0 as 0."""
    return struct.pack(f"{len(values)}d", *(math.nan if math.isnan(x) else x + 0.0 for x in values))


def as_bytes(text: bytes) -> Bytes:
    return np.frombuffer(text, np.uint8)


class Readers:
    """A world with one rollout, and the routes that were taught it."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan, self.world = plan, World(plan, SEEDS)
        self.world.pairs.begin(rollout(), 1, 0.5, 0)
        releases = set(traces.RELEASE_OF_ARM.values())
        self.router = Router(plan, self.world.cohorts, self.world.pairs, releases)
        self._reader = TraceReader(plan, self.router, Counter(), Counter())
        self._decoder = TraceDecoder(plan)
        self._batch = Batch(len(plan.specs))
        for arm in Arm:
            self.router.find(traces.work(1, {}, arm=arm), TENANT_NUMBER, START_MS)

    def scan(self, rows: Sequence[tuple[bytes, bytes]]) -> list[Read | None]:
        """What the scanner makes of (value, event id), one after another; None for what it leaves to others."""
        batch = self._batch
        batch.clear()
        for value, event_id in rows:
            batch.add_text(ROW_TEXT, START_MS, 0, TENANT_NUMBER, ACCEPTED, value, event_id)
        tables = ScanTables(self.plan).arrays_for(TENANTS)
        unread = scan_rows(batch.rows, batch.values, batch.text, self.plan.max_ahead_ms, tables, self.router.arrays)
        found = [self._read_row(batch, row) for row in range(batch.size)]
        assert unread == found.count(None)
        return found

    def by_reader(self, value: bytes, event_id: bytes) -> Read:
        """The compiled decoder's reading. Raises `PoisonRecord`."""
        trace, values, route = self._reader.read(WORK, value, event_id, GATE, TENANT_NUMBER, START_MS)
        return _read(route, trace, trace.trace_id, trace.session, values)

    def by_contract(self, value: bytes, event_id: bytes) -> Read:
        """The contract's reading. Raises `PoisonRecord`."""
        trace, values = self._decoder.decode_slow(WORK, value)
        if trace.trace_id.encode() != event_id or trace.tenant != TENANT:
            raise PoisonRecord(Refusal.SCHEMA, "of another event or tenant")
        if trace.work_time_ms > START_MS + self.plan.max_ahead_ms:
            raise PoisonRecord(Refusal.TOO_FAR_AHEAD)
        route = self.router.find(trace, TENANT_NUMBER, START_MS)
        return _read(route, trace, trace.trace_id, trace.session, values)

    @staticmethod
    def _read_row(batch: Batch, row: int) -> Read | None:
        line = batch.rows[row].tolist()
        if line[KIND] != ROW_WORK:
            return None
        route = Route(line[SLOT], line[PAIR], line[RELEASE], line[REMARK])
        ids = tuple(line[ID : ID + 3]), tuple(line[SESSION : SESSION + 3])
        return Read(route, line[FLAGS], *ids, bits(batch.values[row].tolist()))


def _read(route: Route, trace: Any, trace_id: str, session: str, values: Values) -> Read:
    high, low, form = number_id(trace_id)
    name = high, low, form | GATE.tenant_number
    flags = flag_bands(trace) | (KEEPS_PRIVATE if trace.consent == Consent.TENANT else 0)
    return Read(route, flags, name, tuple(number_id(session)), bits(values))
