"""Intake: data records in, rows for the kernel out, or the one reason why not.

In order: size, codec, MAC, partition; then, a batch at a time, form and meaning. Plain traces are found and scanned;
what the scanner leaves is read by the compiled decoder, and what that leaves by the contract.
"""

from collections import Counter
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.leaf.aftermath import AftermathBook
from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    CODE,
    KEEPS_PRIVATE,
    KIND,
    NOT_COUNTED,
    OFFSET,
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
from homeostat.detectors.leaf.bands import flag_bands
from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.envelope import Event, Headers, read_envelope
from homeostat.detectors.leaf.ids import NumberedId, number_id
from homeostat.detectors.leaf.plain import PlainTraces
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.reader import TraceReader
from homeostat.detectors.leaf.refusals import RefusalWindow, code_of
from homeostat.detectors.leaf.reports import ReportReader
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.scan import scan_rows
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.tenants import Gate, Gates
from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.log import Record
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Consent, FeedbackTrace, WorkTrace

_ROW_OF_TYPE: Final = {
    WorkTrace.ce_type.encode(): ROW_TEXT,
    FeedbackTrace.ce_type.encode(): ROW_UNREAD_FEEDBACK,
}
_EXPOSURE: Final = ExposureReport.ce_type.encode()
_PUBLISHER: Final = PublisherReport.ce_type.encode()
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
        aftermaths: AftermathBook,
    ) -> None:
        self._gates, self._window, self._reports, self._counts = gates, window, reports, counts
        self._aftermaths = aftermaths
        self.router = router
        self.refused: dict[int, Refused] = {}
        self._plain, self._block = PlainTraces(), RecordBlock.of(())
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

    def take_plain(self, block: RecordBlock, first: int, log: ControlLog) -> int:
        """Add plain traces from `first` on; gives the index of the first record that is none, or has no room.

        The rows of a batch are all of one block.
        """
        self._block = block
        taken, now_ms = self._plain.take(
            block, first, self._gates.doors, self.batch, self._max_bytes, log.log_time_ms, log.data_step_ms
        )
        log.advance_to(now_ms)
        return first + taken

    def take(self, record: Record, headers: Headers, now_ms: int) -> None:
        """Add any data record's rows to the batch."""
        try:
            self._take_other(record, headers, now_ms)
        except (PoisonRecord, SignatureRefused) as error:
            self._refuse(record, error, now_ms)

    def finish(self) -> None:
        """Read the traces of the batch; afterwards every row says what it is."""
        batch = self.batch
        rows = batch.rows
        scan = self._tables.arrays_for(self._window.tenants)
        while scan_rows(rows, batch.values, batch.text, self._ahead_ms, scan, self.router.arrays):
            unread = np.flatnonzero(rows[:, KIND] >= ROW_UNREAD).tolist()
            known = int(self.router.arrays.size[0])
            for row in unread[:_LESSON]:
                self._read_row(row)
            if int(self.router.arrays.size[0]) == known:
                for row in unread[_LESSON:]:
                    self._read_row(row)
                return
            rest = rows[unread[_LESSON:]]
            rest[rest[:, KIND] == ROW_UNREAD, KIND] = ROW_TEXT
            rows[unread[_LESSON:]] = rest

    def _read_row(self, row: int) -> None:
        batch, block = self.batch, self._block
        line = batch.rows[row]
        value, event_id = batch.text_of(row)
        place = block.first_from(int(line[OFFSET]))
        gate = self._gates.open(block.key_of(place))
        lane = FEEDBACK if line[KIND] == ROW_UNREAD_FEEDBACK else WORK
        now_ms, tenant = int(line[TIME]), int(line[TENANT])
        try:
            trace, values, route = self._reader.read(lane, value, event_id, gate, tenant, now_ms)
        except PoisonRecord as error:
            self._counts[f"refused_{error.reason.value}"] += 1
            self.refused[row] = Refused(block[place], error.reason, gate.tenant)
            line[KIND], line[CODE] = ROW_REFUSED, code_of(error.reason)
            return
        line[KIND] = ROW_FEEDBACK if lane == FEEDBACK else ROW_WORK
        batch.values[row] = values
        high, low, form = number_id(trace.trace_id)
        name = NumberedId(high, low, form | gate.tenant_number)
        flags = 0 if trace.consent == _SHARED else KEEPS_PRIVATE
        if lane == WORK:
            flags |= flag_bands(trace)
            self._aftermaths.note(trace, now_ms)
        work_ms = trace.work_time_ms
        session, part = number_id(trace.session), self._plan.part_at(work_ms)
        batch.fill(row, route.slot, flags, route.pair, route.release, route.remark, name, session, part, work_ms)

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
        tenant = self._number(record.key, gate)
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
            self.batch.add_text(kind, now_ms, record.offset, tenant, ACCEPTED, event.data, event.id)
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

    def _number(self, key: bytes | None, gate: Gate) -> int:
        """The number in the window of a tenant whose MAC has held; from now on the kernel may know its key."""
        if not gate.in_place:
            return self._window.number_of(gate.tenant)
        if gate.number < 0:
            gate.number = self._window.number_of(gate.tenant)
            self._gates.let_in(key or b"", gate)
        return gate.number


def _check_place(gate: Gate) -> None:
    if not gate.in_place:
        raise PoisonRecord(Refusal.WRONG_PARTITION)
