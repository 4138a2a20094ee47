"""Intake: one data record in, rows for the kernel out, or the one reason why not.

In order: size, codec, MAC, partition, form, meaning; then whether it was here before.
"""

from collections import Counter
from typing import Any, Final

import msgspec

from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    COMES_LATE,
    KEEPS_PRIVATE,
    OPENS,
    ROW_FEEDBACK,
    ROW_NOTHING,
    ROW_WORK,
)
from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.decode import TraceDecoder, Values
from homeostat.detectors.leaf.dedupe import DedupeWindow
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.refusals import RefusalWindow
from homeostat.detectors.leaf.reports import ReportReader
from homeostat.detectors.leaf.routes import Route, Router, are_ids
from homeostat.detectors.leaf.sessions import SessionStore
from homeostat.detectors.leaf.tenants import Gate, Gates
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.exposure import ExposureReport, PublisherReport
from homeostat.schemas.headers import CE_ID, CE_SPEC, CE_TYPE, CONTENT_TYPE
from homeostat.schemas.log import Record
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Consent, FeedbackTrace, WorkTrace

_WORK: Final = WorkTrace.ce_type.encode()
_FEEDBACK: Final = FeedbackTrace.ce_type.encode()
_EXPOSURE: Final = ExposureReport.ce_type.encode()
_PUBLISHER: Final = PublisherReport.ce_type.encode()
_JSON, _STRUCTURED, _DSSE = b"application/json", b"application/cloudevents+json", b"application/vnd.dsse.envelope+json"
_SHARED: Final = Consent.SHARED.value
Headers = dict[str, bytes]


class _Event(msgspec.Struct):
    """A structured-mode CloudEvent."""

    specversion: str
    id: str
    type: str
    data: msgspec.Raw


_EVENTS = msgspec.json.Decoder(_Event)


class Intake:
    """Reads the data records of one partition under one plan. `sender` is the tenant whose MAC held, −1 for none."""

    def __init__(
        self,
        plan: Plan,
        gates: Gates,
        router: Router,
        sessions: SessionStore,
        dedupe: DedupeWindow,
        window: RefusalWindow,
        reports: ReportReader,
        counts: Counter[str],
    ) -> None:
        self._gates, self.router, self._sessions = gates, router, sessions
        self._dedupe, self._window, self._reports, self._counts = dedupe, window, reports, counts
        self.sender = -1
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Read by another plan from now on."""
        self._plan = plan
        held = self.ignored() if hasattr(self, "_decoder") else Counter(fields_ignored=0, signals_unknown=0)
        self._decoder = TraceDecoder(plan)
        self.restore_ignored(held)
        self.batch = Batch(len(plan.specs))
        self._max_bytes = plan.policy.max_value_bytes
        self._ahead_ms = plan.max_ahead_ms
        self._youngest_ms = min(plan.feedback_ages_ms, default=0.0)

    def read(self, record: Record, headers: Headers, now_ms: int) -> None:
        """Add the record's rows to the batch. Raises `PoisonRecord` or `SignatureRefused`."""
        self.sender = -1
        value = record.value
        gate = self._gates.by_key.get(record.key) or self._gates.open(record.key)
        if value is None:
            raise PoisonRecord(Refusal.NOT_JSON, "no value")
        if len(value) > self._max_bytes:
            raise PoisonRecord(Refusal.OVERSIZE, f"{len(value)} bytes")
        kind, event_id = headers.get(CE_TYPE, b""), headers.get(CE_ID, b"")
        content = headers.get(CONTENT_TYPE, b"")
        if kind == _EXPOSURE:
            self._check_place(gate)
            self._reports.read_exposure(value, gate, record.offset, now_ms, self)
            return
        if content != _JSON:
            kind, event_id, value = self._open_event(content, headers, value, gate)
        else:
            gate.authenticate(event_id, value, headers.get(MAC_HEADER))
            self.sender = self._number(gate)
        if headers.get(CE_SPEC, b"1.0") != b"1.0":
            raise PoisonRecord(Refusal.WRONG_CODEC, "CloudEvents other than 1.0")
        if not gate.in_place:
            raise PoisonRecord(Refusal.WRONG_PARTITION)
        if kind == _WORK:
            self._read_trace(WORK, value, event_id, gate, record.offset, now_ms)
        elif kind == _FEEDBACK:
            self._read_trace(FEEDBACK, value, event_id, gate, record.offset, now_ms)
        elif kind == _PUBLISHER:
            self._reports.read_publisher(value, gate)
            self.batch.add_time(ROW_NOTHING, now_ms, record.offset, self.sender, ACCEPTED)
        else:
            raise PoisonRecord(Refusal.UNKNOWN_TYPE)

    def _number(self, gate: Gate) -> int:
        """The number in the window of a tenant whose MAC has held."""
        if gate.number < 0:
            gate.number = self._window.number_of(gate.tenant)
        return gate.number

    def _check_place(self, gate: Gate) -> None:
        if not gate.in_place:
            raise PoisonRecord(Refusal.WRONG_PARTITION)

    def _open_event(self, content: bytes, headers: Headers, value: bytes, gate: Gate) -> tuple[bytes, bytes, bytes]:
        """(type, id, data) of another encoding than binary mode's plain JSON; authenticates."""
        if content.startswith(_JSON):
            gate.authenticate(headers.get(CE_ID, b""), value, headers.get(MAC_HEADER))
            self.sender = self._number(gate)
            return headers.get(CE_TYPE, b""), headers.get(CE_ID, b""), value
        if not content.startswith(_STRUCTURED):
            self._note_sender(headers, value, gate)
            raise PoisonRecord(Refusal.WRONG_CODEC, "neither JSON nor a CloudEvent")
        try:
            event = _EVENTS.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise PoisonRecord(Refusal.NOT_JSON, "not a structured CloudEvent") from None
        event_id = event.id.encode(errors="replace")
        gate.authenticate(event_id, value, headers.get(MAC_HEADER))
        self.sender = self._number(gate)
        if event.specversion != "1.0":
            raise PoisonRecord(Refusal.WRONG_CODEC, "CloudEvents other than 1.0")
        return event.type.encode(errors="replace"), event_id, bytes(event.data)

    def _note_sender(self, headers: Headers, value: bytes, gate: Gate) -> None:
        try:
            gate.authenticate(headers.get(CE_ID, b""), value, headers.get(MAC_HEADER))
        except PoisonRecord:
            return
        self.sender = self._number(gate)

    def _read_trace(self, lane: int, value: bytes, event_id: bytes, gate: Gate, offset: int, now_ms: int) -> None:
        trace, values, route = self._decode(lane, value)
        ahead = trace.work_time_ms > now_ms + self._ahead_ms
        if ahead or trace.tenant != gate.tenant or trace.trace_id.encode() != event_id:
            raise _explain(trace, event_id, gate)
        if lane == FEEDBACK:
            gate.check_token(
                trace.work_token, trace.work_id, trace.work_time_ms, trace.release, trace.arm, trace.session
            )
        if route is None:
            route = self.router.find(trace, now_ms)
        if not self._dedupe.add(f"{gate.tenant}/{trace.trace_id}", now_ms):
            self._counts["duplicate"] += 1
            self.batch.add_time(ROW_NOTHING, now_ms, offset, self.sender, ACCEPTED)
            return
        slot, pair, release, remark = route
        if remark is not None:
            self._counts[remark] += 1
            if slot < 0:
                self.batch.add_time(ROW_NOTHING, now_ms, offset, self.sender, ACCEPTED)
                return
        if lane == FEEDBACK:
            values = self._leave_out_old(values, now_ms - trace.work_time_ms)
        position, flags = self.find_session(lane, slot, trace.session, now_ms)
        if trace.consent != _SHARED:
            flags |= KEEPS_PRIVATE
        kind = ROW_FEEDBACK if lane == FEEDBACK else ROW_WORK
        self.batch.add_values(values, kind, now_ms, offset, slot, position, flags, self.sender, ACCEPTED, pair, release)

    def _decode(self, lane: int, value: bytes) -> tuple[Any, Values, Route | None]:
        """The compiled decoder's trace where it and the cheap checks of form agree, else the contract's."""
        try:
            trace, values = self._decoder.decode_fast(lane, value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return *self._decoder.decode_slow(lane, value), None
        route = self.router.known.get(
            (trace.tenant, trace.specialty, trace.workflow, trace.runtime, trace.arm, trace.release, trace.rollout)
        )
        if (
            (route is None and not self.router.has_good_form(trace))
            or not are_ids(trace.trace_id, trace.session, trace.actor, trace.work_id)
            or not (self._are_lists_good(trace) if lane == WORK else self._are_categories_good(trace))
        ):
            return *self._decoder.decode_slow(lane, value), None
        return trace, values, route

    def _are_categories_good(self, trace: Any) -> bool:
        return not trace.categories or self.router.are_slugs((*trace.categories, *trace.categories.values()))

    def _are_lists_good(self, trace: Any) -> bool:
        return (
            (not trace.categories or self._are_categories_good(trace))
            and (not trace.steps or self.router.are_slugs(trace.steps))
            and (not trace.tools or self.router.are_slugs([call.tool for call in trace.tools]))
            and (not trace.retrieval or are_ids(*trace.retrieval))
        )

    def _leave_out_old(self, values: Values, age_ms: int) -> Values:
        if age_ms <= self._youngest_ms:
            return values
        first = self._plan.lane_columns[FEEDBACK].start
        aged = [
            (float("nan") if age_ms > limit_ms else value)
            for value, limit_ms in zip(values[first:], self._plan.feedback_ages_ms, strict=True)
        ]
        self._counts["feedback_too_old"] += 1
        return (*values[:first], *aged)

    def ignored(self) -> Counter[str]:
        """What was left out of accepted records: unknown fields of newer minor versions, unknown signals."""
        return Counter(fields_ignored=self._decoder.ignored, signals_unknown=self._decoder.unknown_signals)

    def restore_ignored(self, counts: dict[str, int]) -> None:
        """Go on from the counts that `ignored` gave."""
        self._decoder.ignored = counts["fields_ignored"]
        self._decoder.unknown_signals = counts["signals_unknown"]

    def find_session(self, lane: int, slot: int, session: str, now_ms: int) -> tuple[int, int]:
        """(position, flags) of a session: open already, opened now, or closed and remembered (late)."""
        key = (slot, session)
        found = self._sessions.index[lane].get(key)
        if found is not None:
            age_ms = now_ms - found[1]
            if age_ms < self._plan.session_ms:
                return found[0], 0
            if age_ms < self._plan.remembered_ms:
                return found[0], COMES_LATE
        return self._sessions.open(lane, key, now_ms), OPENS


def _explain(trace: Any, event_id: bytes, gate: Gate) -> PoisonRecord:
    """Why a trace of good form is not what its event and key say."""
    if trace.trace_id.encode() != event_id:
        return PoisonRecord(Refusal.SCHEMA, "the event's id is not the trace's")
    if trace.tenant != gate.tenant:
        return PoisonRecord(Refusal.WRONG_TENANT)
    return PoisonRecord(Refusal.TOO_FAR_AHEAD, "work_time_ms")
