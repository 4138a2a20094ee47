"""Reading one trace that the scanner left: by the compiled decoder, and by the contract where they do not agree."""

from collections import Counter
from typing import Any

import msgspec

from homeostat.detectors.leaf.decode import TraceDecoder, Values
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.detectors.leaf.routes import Route, Router, are_ids, tags_of
from homeostat.detectors.leaf.tenants import Gate
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal


class TraceReader:
    """Reads work and feedback under one plan; `ignored` and `counts` are the caller's."""

    def __init__(self, plan: Plan, router: Router, ignored: Counter[str], counts: Counter[str]) -> None:
        self._plan, self._router, self._counts = plan, router, counts
        self._decoder = TraceDecoder(plan, ignored)
        self._ahead_ms = plan.max_ahead_ms
        self._youngest_ms = min(plan.feedback_ages_ms, default=0.0)

    def read(
        self, lane: int, value: bytes, event_id: bytes, gate: Gate, tenant: int, now_ms: int
    ) -> tuple[Any, Values, Route]:
        """The trace, its values by column, its route; for feedback the work token is checked. Raises `PoisonRecord`."""
        trace, values = self._decode(lane, value)
        ahead = trace.work_time_ms > now_ms + self._ahead_ms
        if ahead or trace.tenant != gate.tenant or trace.trace_id.encode() != event_id:
            raise _explain(trace, event_id, gate)
        if lane == FEEDBACK:
            gate.check_token(
                trace.work_token, trace.work_id, trace.work_time_ms, trace.release, trace.arm, trace.session
            )
            values = self._leave_out_old(values, now_ms - trace.work_time_ms)
        return trace, values, self._router.find(trace, tenant, now_ms)

    def _decode(self, lane: int, value: bytes) -> tuple[Any, Values]:
        """The compiled decoder's trace where it and the cheap checks of form agree, else the contract's."""
        try:
            trace, values = self._decoder.decode_fast(lane, value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._decoder.decode_slow(lane, value)
        if (
            are_ids(trace.trace_id, trace.session, trace.actor, trace.work_id)
            and (tags_of(trace) in self._router.known or self._router.has_good_form(trace))
            and (self._are_lists_good(trace) if lane == WORK else self._are_categories_good(trace))
        ):
            return trace, values
        return self._decoder.decode_slow(lane, value)

    def _are_categories_good(self, trace: Any) -> bool:
        return not trace.categories or self._router.are_slugs((*trace.categories, *trace.categories.values()))

    def _are_lists_good(self, trace: Any) -> bool:
        return (
            self._are_categories_good(trace)
            and self._router.are_slugs(trace.steps)
            and self._router.are_slugs([call.tool for call in trace.tools])
            and are_ids(*trace.retrieval)
        )

    def _leave_out_old(self, values: Values, age_ms: int) -> Values:
        if age_ms <= self._youngest_ms:
            return values
        first = self._plan.first_feedback
        aged = [
            (float("nan") if age_ms > limit_ms else value)
            for value, limit_ms in zip(values[first:], self._plan.feedback_ages_ms, strict=True)
        ]
        self._counts["feedback_too_old"] += 1
        return (*values[:first], *aged)


def _explain(trace: Any, event_id: bytes, gate: Gate) -> PoisonRecord:
    """Why a trace of good form is not what its event and key say."""
    if trace.trace_id.encode() != event_id:
        return PoisonRecord(Refusal.SCHEMA, "the event's id is not the trace's")
    if trace.tenant != gate.tenant:
        return PoisonRecord(Refusal.WRONG_TENANT)
    return PoisonRecord(Refusal.TOO_FAR_AHEAD, "work_time_ms")
