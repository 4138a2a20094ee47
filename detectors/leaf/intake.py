"""Intake: data records in, rows for the kernel out, or the one reason why not.

In order: size, codec, MAC, partition; then, a batch at a time, form and meaning. Plain work traces are scanned; what
the scanner leaves is read by the compiled decoder, and what that leaves by the contract.
"""

from collections import Counter
from collections.abc import Sequence
from hmac import compare_digest
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    CODE,
    KEEPS_PRIVATE,
    KIND,
    NOT_COUNTED,
    ROW_FEEDBACK,
    ROW_NOTHING,
    ROW_REFUSED,
    ROW_TEXT,
    ROW_UNREAD,
    ROW_UNREAD_FEEDBACK,
    ROW_WORK,
    TENANT,
    TIME,
)
from homeostat.detectors.leaf.batch import ROWS, Batch
from homeostat.detectors.leaf.envelope import Event, Headers, read_envelope
from homeostat.detectors.leaf.ids import NumberedId, number_id
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.reader import TraceReader
from homeostat.detectors.leaf.refusals import RefusalWindow, code_of
from homeostat.detectors.leaf.reports import ReportReader
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.scan import scan_rows
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.tenants import MOST_EVENT_ID, Gate, Gates
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.headers import CE_ID, CE_SOURCE, CE_SPEC, CE_TYPE, CONTENT_TYPE, JSON_CONTENT
from homeostat.schemas.log import Record
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Consent, FeedbackTrace, WorkTrace

_ROW_OF_TYPE: Final = {
    WorkTrace.ce_type.encode(): ROW_TEXT,
    FeedbackTrace.ce_type.encode(): ROW_UNREAD_FEEDBACK,
}
_EXPOSURE: Final = ExposureReport.ce_type.encode()
_PUBLISHER: Final = PublisherReport.ce_type.encode()
_LENGTHS: Final = [length.to_bytes(2, "big") for length in range(MOST_EVENT_ID + 1)]
_LESSON: Final = 32
"""After as many traces that the scanner left, and routes learned from them, it tries again."""
_SHARED: Final = Consent.SHARED.value


class Refused(NamedTuple):
    """A record that waits for its turn to be dead-lettered; `tenant` is whose MAC held."""

    record: Record
    reason: Refusal
    tenant: str | None


class Intake:
    """Reads the data records of one partition under one plan. `refused` are those of the batch, by row."""

    def __init__(
        self,
        plan: Plan,
        gates: Gates,
        router: Router,
        window: RefusalWindow,
        reports: ReportReader,
        counts: Counter[str],
    ) -> None:
        self._gates, self._window, self._reports, self._counts = gates, window, reports, counts
        self.router = router
        self.refused: dict[int, Refused] = {}
        self._ignored: Counter[str] = Counter()
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Read by another plan from now on."""
        self._plan = plan
        self._reader = TraceReader(plan, self.router, self._ignored, self._counts)
        self._tables = ScanTables(plan)
        self.batch = Batch(len(plan.specs))
        self._max_bytes = plan.policy.max_value_bytes
        self._ahead_ms = plan.max_ahead_ms

    @property
    def ignored(self) -> Counter[str]:
        """What was left out of accepted records: unknown fields of newer minor versions, unknown signals."""
        return self._ignored

    def clear(self) -> None:
        """Begin a new batch."""
        self.batch.clear()
        self.refused.clear()

    def take_plain(self, records: Sequence[Record], first: int, log: ControlLog) -> int:
        """Add plain traces from `first` on; gives the index of the first record that is none, or has no room."""
        gates, batch, most_bytes = self._gates.by_key, self.batch, self._max_bytes
        last = min(len(records), first + ROWS - batch.size)
        for at in range(first, last):
            record = records[at]
            event_id, event_type, mac = _plain_event(record.headers)
            value, kind, gate = record.value, _ROW_OF_TYPE.get(event_type), gates.get(record.key)
            if kind is None or gate is None or gate.number < 0 or value is None or len(value) > most_bytes:
                return at
            master, _, digits = mac.partition(b":")
            keyed = gate.macs.get(master)
            if keyed is None or len(event_id) > MOST_EVENT_ID:
                return at
            state = keyed.copy()
            state.update(_LENGTHS[len(event_id)] + event_id)
            state.update(value)
            if not compare_digest(state.hexdigest().encode(), digits):
                return at
            batch.add_text(kind, log.advance(record.timestamp, True), gate.number, ACCEPTED, record, value, event_id)
        return last

    def take(self, record: Record, headers: Headers, now_ms: int) -> None:
        """Add any data record's rows to the batch."""
        try:
            self._take_other(record, headers, now_ms)
        except (PoisonRecord, SignatureRefused) as error:
            self._refuse(record, error, now_ms)

    def finish(self) -> None:
        """Read the traces of the batch; afterwards every row says what it is."""
        batch = self.batch
        if not batch.sources:
            return
        rows = batch.rows
        places = np.cumsum(rows[:, KIND] >= ROW_TEXT) - 1
        scan = self._tables.arrays_for(self._window.tenants)
        text = batch.join_text()
        while scan_rows(rows, batch.values, text, self._ahead_ms, scan, self.router.arrays):
            unread = np.flatnonzero(rows[:, KIND] >= ROW_UNREAD).tolist()
            known = int(self.router.arrays.size[0])
            for row in unread[:_LESSON]:
                self._read_row(row, int(places[row]))
            if int(self.router.arrays.size[0]) == known:
                for row in unread[_LESSON:]:
                    self._read_row(row, int(places[row]))
                return
            rest = rows[unread[_LESSON:]]
            rest[rest[:, KIND] == ROW_UNREAD, KIND] = ROW_TEXT
            rows[unread[_LESSON:]] = rest

    def _read_row(self, row: int, place: int) -> None:
        batch = self.batch
        line = batch.rows[row]
        record, value, event_id = batch.sources[place], batch.texts[2 * place], batch.texts[2 * place + 1]
        gate = self._gates.open(record.key)
        lane = FEEDBACK if line[KIND] == ROW_UNREAD_FEEDBACK else WORK
        now_ms, tenant = int(line[TIME]), int(line[TENANT])
        try:
            trace, values, route = self._reader.read(lane, value, event_id, gate, tenant, now_ms)
        except PoisonRecord as error:
            self._counts[f"refused_{error.reason.value}"] += 1
            self.refused[row] = Refused(record, error.reason, gate.tenant)
            line[KIND], line[CODE] = ROW_REFUSED, code_of(error.reason)
            return
        line[KIND] = ROW_FEEDBACK if lane == FEEDBACK else ROW_WORK
        batch.values[row] = values
        high, low, form = number_id(trace.trace_id)
        name = NumberedId(high, low, form | gate.tenant_number)
        flags = 0 if trace.consent == _SHARED else KEEPS_PRIVATE
        batch.fill(row, route.slot, flags, route.pair, route.release, route.remark, name, number_id(trace.session))

    def _take_other(self, record: Record, headers: Headers, now_ms: int) -> None:
        """Take what is not a plain trace in its place: reports, structured events, new keys, what must be refused."""
        gate = self._gates.open(record.key)
        if record.value is None:
            raise PoisonRecord(Refusal.NOT_JSON, "no value")
        if len(record.value) > self._max_bytes:
            raise PoisonRecord(Refusal.OVERSIZE, f"{len(record.value)} bytes")
        if headers.get("ce_type") == _EXPOSURE:
            _check_place(gate)
            self._reports.read_exposure(record.value, gate, record.offset, now_ms, self.batch)
            return
        event = read_envelope(headers, record.value, gate)
        tenant = self._number(gate)
        try:
            self._take_event(record, event, gate, tenant, now_ms)
        except PoisonRecord as error:
            self._refuse(record, error, now_ms, tenant)

    def _take_event(self, record: Record, event: Event, gate: Gate, tenant: int, now_ms: int) -> None:
        """Take an event whose MAC held."""
        if event.refusal is not None:
            raise event.refusal
        _check_place(gate)
        kind = _ROW_OF_TYPE.get(event.type)
        if kind is not None:
            self.batch.add_text(kind, now_ms, tenant, ACCEPTED, record, event.data, event.id)
        elif event.type == _PUBLISHER:
            self._reports.read_publisher(event.data, gate)
            self.batch.add_time(ROW_NOTHING, now_ms, record.offset, tenant, ACCEPTED)
        else:
            raise PoisonRecord(Refusal.UNKNOWN_TYPE)

    def _refuse(self, record: Record, error: PoisonRecord | SignatureRefused, now_ms: int, tenant: int = -1) -> None:
        """Add a refused record's row; `tenant` is the number of whose MAC held."""
        self._counts[f"refused_{error.reason.value}"] += 1
        code = NOT_COUNTED if tenant < 0 else code_of(error.reason)
        name = None if tenant < 0 else self._window.tenants[tenant]
        self.refused[self.batch.size] = Refused(record, error.reason, name)
        self.batch.add_time(ROW_REFUSED, now_ms, record.offset, max(tenant, 0), code)

    def _number(self, gate: Gate) -> int:
        """The number in the window of a tenant whose MAC has held."""
        if not gate.in_place:
            return self._window.number_of(gate.tenant)
        if gate.number < 0:
            gate.number = self._window.number_of(gate.tenant)
        return gate.number


def _plain_event(headers: Sequence[tuple[str, bytes]]) -> tuple[bytes, bytes, bytes]:
    """(id, type, MAC) of a CloudEvent in binary mode with JSON in it; three times nothing for anything else."""
    try:  # in the order in which our publisher writes them
        (
            (spec_name, spec),
            (id_name, event_id),
            (source_name, _),
            (type_name, kind),
            (content_name, content),
            (mac_name, mac),
        ) = headers
    except ValueError:
        return _sought_event(headers)
    if (
        spec_name == CE_SPEC
        and id_name == CE_ID
        and source_name == CE_SOURCE
        and type_name == CE_TYPE
        and content_name == CONTENT_TYPE
        and mac_name == MAC_HEADER
        and content == JSON_CONTENT
        and spec == b"1.0"
    ):
        return event_id, kind, mac
    return _sought_event(headers)


def _sought_event(headers: Sequence[tuple[str, bytes]]) -> tuple[bytes, bytes, bytes]:
    """The same of headers in any order, among others."""
    found = dict(headers)
    if found.get(CONTENT_TYPE) != JSON_CONTENT or found.get(CE_SPEC) != b"1.0" or CONTROL_HEADER in found:
        return b"", b"", b""
    return found.get(CE_ID, b""), found.get(CE_TYPE, b""), found.get(MAC_HEADER, b"")


def _check_place(gate: Gate) -> None:
    if not gate.in_place:
        raise PoisonRecord(Refusal.WRONG_PARTITION)
