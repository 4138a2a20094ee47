"""The compiled decoder accepts a subset of the contract, with equal values; the rest is the contract's to judge."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.leaf.decode import TraceDecoder
from homeostat.detectors.leaf.plan import FEEDBACK, WORK, Plan
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from tests.builders import traces
from tests.builders.documents import policy

PLAN = Plan(policy())
DECODER = TraceDecoder(PLAN)
FIELDS = ("trace_id", "tenant", "specialty", "workflow", "runtime", "release", "arm", "rollout", "session", "actor",
          "consent", "work_id", "work_time_ms")  # fmt: skip
RICH = traces.work(
    1,
    {"edit_ratio": 0.25, "latency": 75.0},
    age_band="65-79",
    steps=("draft", "sign"),
    output_properties=("diagnosis",),
    retrieval=("a" * 16,),
    tools=({"tool": "search", "outcome": "ok"},),
    embedding=(0.5, -1.0),
    categories={"visit": "new"},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
_WORDS = st.sampled_from(["scribe", "", "a b", "x" * 65, "1.0", "1.7", "a" * 32, "1e3", "shared", "é", "\ud800"])


def test_both_read_a_full_trace_alike() -> None:
    value = to_json(RICH)
    fast, fast_values = DECODER.decode_fast(WORK, value)
    slow, slow_values = DECODER.decode_slow(WORK, value)
    assert [getattr(fast, name) for name in FIELDS] == [getattr(slow, name) for name in FIELDS]
    np_equal(fast_values, slow_values)
    assert dict(zip(PLAN.names, fast_values, strict=True))["latency"] == 75.0


def np_equal(left: tuple[float, ...], right: tuple[float, ...]) -> None:
    assert [None if math.isnan(x) else x for x in left] == [None if math.isnan(x) else x for x in right]


@st.composite
def changed_traces(draw: st.DrawFn) -> tuple[int, bytes]:
    """A good body of either kind with some fields changed, dropped or added, or some bytes."""
    lane = draw(st.sampled_from((WORK, FEEDBACK)))
    message = RICH if lane == WORK else traces.feedback(1, {"acceptance": 1.0})
    body: dict[str, Any] = json.loads(to_json(message))
    for name in draw(st.lists(st.sampled_from([*body, "strange"]), max_size=2)):
        body[name] = draw(JSON | _WORDS)
    if draw(st.booleans()):
        known = draw(st.sampled_from(("edit_ratio", "acceptance", "latency", "yield", "mood")))
        body["signals"] = {known: draw(st.floats(allow_nan=True) | st.integers(-2, 70) | st.just("0.5"))}
    value = json.dumps(body).encode(errors="replace")
    if draw(st.booleans()):
        at = draw(st.integers(0, len(value)))
        value = value[:at] + draw(st.binary(max_size=3)) + value[at + draw(st.integers(0, 3)) :]
    return lane, value


@given(changed_traces())
@settings(max_examples=500)
def test_what_the_compiled_decoder_accepts_is_what_the_contract_says(case: tuple[int, bytes]) -> None:
    lane, value = case
    try:
        fast, values = DECODER.decode_fast(lane, value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    try:
        slow, expected = DECODER.decode_slow(lane, value)
    except PoisonRecord:
        assert not passes_cheap_checks(fast)
        return
    assert [getattr(fast, name) for name in FIELDS] == [getattr(slow, name) for name in FIELDS]
    np_equal(values, expected)


def passes_cheap_checks(trace: Any) -> bool:
    """The form that the intake asks for beside the compiled decoder, written out once more from the contract."""
    model = WorkTrace if trace.kind == "work" else FeedbackTrace
    names = ("trace_id", "tenant", "specialty", "workflow", "runtime", "release", "rollout", "session", "actor",
             "work_id", "categories")  # fmt: skip
    lists = ("steps", "retrieval", "tools") if trace.kind == "work" else ()
    chosen = {name: msgspec.to_builtins(getattr(trace, name)) for name in (*names, *lists)}
    base = json.loads(to_json(RICH if trace.kind == "work" else traces.feedback(1, {})))
    try:
        model.model_validate_json(json.dumps({**base, **chosen}))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("number", ["0.1", "1e-1", "1E-01", "0.10000000000000000001", "-0.0", "1", "5e-324"])
def test_numbers_are_read_alike(number: str) -> None:
    value = to_json(RICH).replace(b"0.25", number.encode())
    np_equal(DECODER.decode_fast(WORK, value)[1], DECODER.decode_slow(WORK, value)[1])


def test_a_key_that_occurs_twice_counts_once_the_last() -> None:
    value = to_json(RICH).replace(b'"edit_ratio":0.25', b'"edit_ratio":0.75,"edit_ratio":0.5')
    np_equal(DECODER.decode_fast(WORK, value)[1], DECODER.decode_slow(WORK, value)[1])
    assert dict(zip(PLAN.names, DECODER.decode_fast(WORK, value)[1], strict=True))["edit_ratio"] == 0.5
