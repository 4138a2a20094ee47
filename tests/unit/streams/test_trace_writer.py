"""What a runtime's words become on the wire, and what is refused before it leaves the runtime."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import TRACEPARENT, find_header
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, issue_work_token, read_mac, start_trace_mac
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.trace import FeedbackKind, FeedbackTrace, WorkTrace
from homeostat.streams.client.trace_writer import TraceWriter
from homeostat.streams.client.work_token import WorkToken
from tests.unit.streams.publishing import tenant_key, work_fields

KEY = tenant_key("clinic-a")
WRITER = TraceWriter(KEY, "scribe-1")
NOW_MS = 1_700_000_000_000
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def refusal_of(writer: TraceWriter, **changes: Any) -> Refusal:
    with pytest.raises(PoisonRecord) as refused:
        writer.write(writer.build_work({**work_fields(1), **changes}, NOW_MS))  # type: ignore[typeddict-item]  # wrong on purpose
    return refused.value.reason


def test_a_trace_is_read_back_from_its_record() -> None:
    trace = WRITER.build_work(work_fields(1), NOW_MS)
    record = WRITER.write(trace, PARENT)
    assert parse_message(WorkTrace, record.value) == (trace, 0)
    assert (record.key, trace.work_time_ms, trace.work_id) == (b"clinic-a", NOW_MS, trace.trace_id)
    assert find_header(record.headers, TRACEPARENT) == PARENT.encode()
    expected = authenticate_trace(start_trace_mac(KEY.secret()), trace.trace_id.encode(), record.value)
    assert read_mac(find_header(record.headers, MAC_HEADER)) == ("m1", expected)


def test_ids_that_are_not_given_are_new_each_time() -> None:
    fields = work_fields(1)
    del fields["trace_id"]
    assert WRITER.build_work(fields, NOW_MS).trace_id != WRITER.build_work(fields, NOW_MS).trace_id


def test_feedback_counts_for_the_work_of_its_token_also_from_another_process() -> None:
    work = WRITER.build_work(work_fields(1), NOW_MS)
    stored = str(WRITER.issue_token(work))
    feedback = TraceWriter(KEY, "other-process").build_feedback(
        WorkToken.parse(stored), FeedbackKind.ACCEPTANCE, {"signals": {"accepted": 1.0}, "actor": "ef" * 16}
    )
    assert isinstance(feedback, FeedbackTrace)
    assert feedback.work_token == issue_work_token(
        KEY.secret(), "m1", work.work_id, NOW_MS, work.release, work.arm, work.session
    )
    same = ("specialty", "workflow", "runtime", "release", "arm", "session", "work_id", "work_time_ms", "consent")
    assert all(getattr(feedback, name) == getattr(work, name) for name in same)
    assert (feedback.actor, feedback.trace_id == work.trace_id) == ("ef" * 16, False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specialty": "Jane Doe"}, Refusal.PERSONAL_DATA),
        ({"steps": ["wrote the note"]}, Refusal.FREE_TEXT),
        ({"note": "text"}, Refusal.UNKNOWN_FIELD),
        ({"signals": {"edit_ratio": float("nan")}}, Refusal.NOT_FINITE),
        ({"session": "a" * 65}, Refusal.OVER_LONG),
        ({"work_time_ms": -1}, Refusal.OUT_OF_RANGE),
        ({"arm": "treatment"}, Refusal.SCHEMA),
        ({"retrieval": ["ab" * 32] * 64, "embedding": [0.1234567890123] * 1024, "steps": ["s" * 64] * 64}, None),
    ],
)
def test_refused_before_it_leaves(changes: dict[str, Any], reason: Refusal | None) -> None:
    if reason is None:
        assert refusal_of(TraceWriter(KEY, "scribe-1", max_value_bytes=20_000), **changes) is Refusal.OVERSIZE
    else:
        assert refusal_of(WRITER, **changes) is reason


def test_another_tenants_trace_is_not_signed_with_this_key() -> None:
    other = TraceWriter(tenant_key("clinic-b"), "scribe-1").build_work(work_fields(1), NOW_MS)
    with pytest.raises(PoisonRecord, match="wrong_tenant"):
        WRITER.write(other)


@pytest.mark.parametrize("parent", ["", "00-xx", PARENT + "\n", PARENT.upper()])
def test_a_traceparent_that_is_none(parent: str) -> None:
    with pytest.raises(PoisonRecord, match="traceparent"):
        WRITER.write(WRITER.build_work(work_fields(1), NOW_MS), parent)


def test_a_registry_refuses_unknown_signals_and_values_out_of_range() -> None:
    writer = TraceWriter(KEY, "scribe-1", core_scribe_signals())
    assert writer.write(writer.build_work(work_fields(1), NOW_MS))
    assert refusal_of(writer, signals={"mood": 1.0}) is Refusal.UNKNOWN_SIGNAL
    assert refusal_of(writer, signals={"unsupported_ratio": 1.5}) is Refusal.OUT_OF_RANGE


@given(st.text(max_size=60))
def test_text_that_is_no_token(text: str) -> None:
    with pytest.raises(PoisonRecord) as refused:
        WorkToken.parse(text)
    assert refused.value.reason is Refusal.TOKEN_BAD
