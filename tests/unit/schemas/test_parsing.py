"""From bytes to messages: what is good comes back as it went, what is not gives one reason and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.contract import MESSAGES, describe_message
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from tests.golden.examples import all_examples
from tests.unit.schemas.json_values import anything, broken, values_of

EXAMPLES = all_examples()
WORK = EXAMPLES[WorkTrace.ce_type]
models = st.sampled_from(sorted(MESSAGES.values(), key=lambda model: model.ce_type))


def dump(body: Any) -> bytes:
    return json.dumps(body).encode(errors="replace")


def read(model: type[Message], value: bytes) -> Message | Refusal:
    """The message, or the reason why not; any other exception passes and fails the test."""
    try:
        return parse_message(model, value)[0]
    except PoisonRecord as error:
        return error.reason


def refusal_of(model: type[Message], value: bytes | None) -> PoisonRecord:
    with pytest.raises(PoisonRecord) as refused:
        parse_message(model, value)
    return refused.value


def work(**changes: Any) -> bytes:
    return dump({**WORK.model_dump(mode="json"), **changes})


@given(st.data())
def test_what_the_schema_allows_is_read_and_written_back(data: st.DataObject) -> None:
    model = data.draw(models)
    body = data.draw(values_of(describe_message(model)))
    try:
        message, ignored = parse_message(model, dump(body))
    except PoisonRecord as error:
        # rules between fields are beyond a JSON Schema; nothing else may differ
        assume("value_error" not in error.detail)
        raise
    assert ignored == 0
    assert parse_message(model, to_json(message)) == (message, 0)


@given(st.data())
def test_a_broken_message_gives_a_reason_or_still_is_one(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(sorted(EXAMPLES.values(), key=lambda message: message.ce_type)))
    found = read(type(example), dump(data.draw(broken(example.model_dump(mode="json")))))
    if isinstance(found, Message):
        assert read(type(example), to_json(found)) == found


@given(models, st.binary(max_size=200))
def test_any_bytes_give_a_reason(model: type[Message], value: bytes) -> None:
    assert refusal_of(model, value).reason in {Refusal.NOT_JSON, Refusal.SCHEMA, Refusal.UNKNOWN_FIELD}


@given(models, anything)
def test_any_json_gives_a_reason(model: type[Message], body: Any) -> None:
    assert refusal_of(model, dump(body)).reason in Refusal


@given(st.binary(min_size=1, max_size=4), st.integers(min_value=0))
def test_flipped_bytes_raise_nothing_else(noise: bytes, place: int) -> None:
    value = to_json(WORK)
    place %= len(value)
    found = read(WorkTrace, value[:place] + noise + value[place + len(noise) :])
    assert isinstance(found, WorkTrace | Refusal)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Refusal.NOT_JSON),
        (b"", Refusal.NOT_JSON),
        (b"{", Refusal.NOT_JSON),
        (b"\xff", Refusal.NOT_JSON),
        (b"[" * 100_000, Refusal.NOT_JSON),
        (b"9" * 10_000, Refusal.NOT_JSON),
        (b"[]", Refusal.SCHEMA),
        (b"null", Refusal.SCHEMA),
        (b"{}", Refusal.SCHEMA),
        (work(trace_id=None), Refusal.SCHEMA),
        (work(trace_id="ABCDEF0123456789"), Refusal.SCHEMA),
        (work(trace_id="a" * 65), Refusal.OVER_LONG),
        (work(steps=["a"] * 65), Refusal.OVER_LONG),
        (work(signals={f"s{n}": 1.0 for n in range(129)}), Refusal.OVER_LONG),
        (work(work_time_ms=-1), Refusal.OUT_OF_RANGE),
        (work(work_time_ms=1_700_000_000_000_000), Refusal.OUT_OF_RANGE),
        (work(work_time_ms=1.0), Refusal.SCHEMA),
        (work(signals={"edit_ratio": float("nan")}), Refusal.NOT_FINITE),
        (work(signals={"edit_ratio": float("inf")}), Refusal.NOT_FINITE),
        (work(signals={"edit_ratio": 10**400}), Refusal.NOT_FINITE),
        (work(embedding=[0.0, float("-inf")]), Refusal.NOT_FINITE),
        (work(signals={"edit_ratio": "0.5"}), Refusal.SCHEMA),
        (work(signals={"edit_ratio": True}), Refusal.SCHEMA),
        (work(signals={"edit_ratio": None}), Refusal.SCHEMA),
        (work(arm="treatment"), Refusal.SCHEMA),
        (work(note="yes"), Refusal.UNKNOWN_FIELD),
        (work(tools=[{"tool": "ehr", "outcome": "ok", "ms": 3}]), Refusal.UNKNOWN_FIELD),
        (work(version="2.0"), Refusal.UNSUPPORTED_VERSION),
        (work(version="2.0", surprise=1), Refusal.UNSUPPORTED_VERSION),
        (work(version="0.9"), Refusal.UNSUPPORTED_VERSION),
        (work(version="1"), Refusal.SCHEMA),
        (work(version=1.1), Refusal.SCHEMA),
        (work(kind="feedback"), Refusal.SCHEMA),
    ],
)
def test_reasons(value: bytes | None, reason: Refusal) -> None:
    assert refusal_of(WorkTrace, value).reason is reason


TAGS = ("tenant", "specialty", "workflow", "runtime", "session", "actor", "trace_id", "arm", "consent", "age_band")


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Jane Doe", Refusal.PERSONAL_DATA),
        ("Dr. J. Doe", Refusal.PERSONAL_DATA),
        ("Doe, Jane", Refusal.PERSONAL_DATA),
        ("jane.doe@example.org", Refusal.PERSONAL_DATA),
        ("seen on monday\n", Refusal.FREE_TEXT),
        ("Patient complains of chest pain " * 20, Refusal.FREE_TEXT),
    ],
)
def test_text_and_people_in_tags_are_named_as_such(tag: str, text: str, reason: Refusal) -> None:
    error = refusal_of(WorkTrace, work(**{tag: text}))
    assert error.reason is reason
    assert text not in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"signals": {"Jane Doe": 0.5}},
        {"categories": {"visit": "Jane Doe"}},
        {"categories": {"Jane Doe": "first"}},
        {"steps": ["draft", "Jane Doe"]},
        {"retrieval": ["Jane Doe"]},
        {"output_properties": ["Jane Doe"]},
        {"tools": [{"tool": "Jane Doe", "outcome": "ok"}]},
        {"patient": "Jane Doe"},
        {"Jane Doe": 1},
    ],
)
def test_people_are_found_in_every_place_and_never_repeated(changes: dict[str, Any]) -> None:
    error = refusal_of(WorkTrace, work(**changes))
    assert error.reason is Refusal.PERSONAL_DATA
    assert "Jane" not in str(error)
    assert "patient" not in str(error)


def test_the_gravest_of_several_reasons_is_given() -> None:
    value = work(surprise=1, work_time_ms=-1, signals={"edit_ratio": float("nan")}, tenant="Jane Doe")
    assert refusal_of(WorkTrace, value).reason is Refusal.PERSONAL_DATA
    assert refusal_of(WorkTrace, work(surprise=1, work_time_ms=-1)).reason is Refusal.OUT_OF_RANGE


def test_the_detail_says_where_and_what_kind() -> None:
    assert str(refusal_of(WorkTrace, work(work_time_ms=-1))) == "out_of_range: work_time_ms (greater_than_equal)"
    assert refusal_of(WorkTrace, work(tools=[{"tool": "x"}])).detail == "tools.0.outcome (missing)"
    assert refusal_of(WorkTrace, work(surprise=1)).detail == "? (extra_forbidden)"


def test_fields_of_a_newer_minor_version_are_ignored_and_counted() -> None:
    value = work(version="1.7", surprise={"a": [1]}, tools=[{"tool": "ehr", "outcome": "ok", "ms": 3}])
    message, ignored = parse_message(WorkTrace, value)
    assert (message.version, message.tenant, ignored) == ("1.7", "clinic-a", 2)


def test_a_newer_minor_version_is_no_excuse_for_anything_else() -> None:
    value = work(version="1.7", surprise=1, work_time_ms=-1)
    assert refusal_of(WorkTrace, value).reason is Refusal.OUT_OF_RANGE


def test_an_integer_is_a_number_and_the_last_of_two_equal_keys_counts() -> None:
    value = work(signals={"edit_ratio": 1}).replace(b'"tenant": "clinic-a"', b'"tenant": "a", "tenant": "b"')
    message, _ = parse_message(WorkTrace, value)
    assert (message.signals, message.tenant) == ({"edit_ratio": 1.0}, "b")


def test_a_trailing_newline_does_not_pass_for_the_end_of_a_tag() -> None:
    assert refusal_of(FeedbackTrace, work(tenant="clinic-a\n")).reason is Refusal.FREE_TEXT
