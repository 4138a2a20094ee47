"""Hostile and broken records: refused under one reason, counted, dead-lettered, and nothing else changes."""

import json
import math
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.schemas.control import Tick
from homeostat.schemas.dead_letter import UNSEALED, decode_unsealed
from homeostat.schemas.headers import CE_TYPE, CONTENT_TYPE, find_header
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import DEAD_LETTERS
from tests.builders import traces
from tests.builders.documents import START_MS
from tests.builders.scenario import Scenario, control
from tests.builders.traces import Draft
from tests.unit.detectors.leaf.logs import new_stage, quick_policy, run

GOOD = traces.trace(traces.work(1, {"edit_ratio": 0.2}))
WORK = "homeostat.trace.work"


def body(**changes: Any) -> bytes:
    fields = json.loads(traces.trace(traces.work(2, {"edit_ratio": 0.2})).value or b"")
    return json.dumps({**fields, **changes}).encode()


def signed(value: bytes, ce_type: str = WORK, **fields: Any) -> Draft:
    return traces.authenticated(ce_type, traces.work(2, {}).trace_id, "tenant-1", value, **fields)


def with_header(draft: Draft, name: str, value: bytes) -> Draft:
    return draft._replace(headers=[*without(draft, name).headers, (name, value)])


def without(draft: Draft, name: str) -> Draft:
    return draft._replace(headers=[header for header in draft.headers if header[0] != name])


def refused_feedback(**fields: Any) -> Draft:
    return traces.trace(traces.feedback(3, {"acceptance": 1.0}, **fields))


NO_VALUE = cast("bytes", None)
"""Kafka allows a header without a value."""
TOKEN = f"m1:{'0' * 32}"
CASES: list[tuple[str, Draft, Refusal]] = [
    ("no value", GOOD._replace(value=None), Refusal.NOT_JSON),
    ("not json", signed(b"{"), Refusal.NOT_JSON),
    ("nested too deep", signed(b"[" * 20_000), Refusal.NOT_JSON),
    ("a list", signed(b"[]"), Refusal.SCHEMA),
    ("a field is missing", signed(b"{}"), Refusal.SCHEMA),
    ("avro", with_header(GOOD, CONTENT_TYPE, b"avro/binary"), Refusal.WRONG_CODEC),
    ("no content type", without(GOOD, CONTENT_TYPE), Refusal.WRONG_CODEC),
    ("latin 1", signed(body().replace(b"scribe", b"scr\xefbe")), Refusal.WRONG_CODEC),
    ("cloudevents 0.3", with_header(GOOD, "ce_specversion", b"0.3"), Refusal.WRONG_CODEC),
    ("oversize", signed(body(categories={"a": "b" * 70_000})), Refusal.OVERSIZE),
    ("another type", with_header(GOOD, CE_TYPE, b"other.type"), Refusal.UNKNOWN_TYPE),
    ("no type", without(GOOD, CE_TYPE), Refusal.UNKNOWN_TYPE),
    ("unknown field", signed(body(patient="x")), Refusal.UNKNOWN_FIELD),
    ("next major", signed(body(version="2.0", more=1)), Refusal.UNSUPPORTED_VERSION),
    ("text in a tag", signed(body(specialty="chest pain since monday")), Refusal.FREE_TEXT),
    ("text in a step", signed(body(steps=["the patient said"])), Refusal.FREE_TEXT),
    ("e-mail address", signed(body(runtime="jane@clinic.example")), Refusal.PERSONAL_DATA),
    ("over-long tag", signed(body(workflow="a" * 65)), Refusal.OVER_LONG),
    ("over-long id", signed(body(session="a" * 65)), Refusal.OVER_LONG),
    ("an id that speaks", signed(body(session="jane-doe-1970-01-01")), Refusal.SCHEMA),
    ("nan", signed(body(signals={"edit_ratio": math.nan})), Refusal.NOT_FINITE),
    ("infinity", signed(body(signals={"edit_ratio": math.inf})), Refusal.NOT_FINITE),
    ("a huge number", signed(body().replace(b"0.2", b"1e999")), Refusal.NOT_FINITE),
    ("out of range", signed(body(signals={"edit_ratio": 1.01})), Refusal.OUT_OF_RANGE),
    ("below range", signed(body(signals={"edit_ratio": -0.01})), Refusal.OUT_OF_RANGE),
    ("time of another unit", signed(body(work_time_ms=START_MS * 1000)), Refusal.OUT_OF_RANGE),
    ("too far ahead", signed(body(work_time_ms=START_MS + 301_000)), Refusal.TOO_FAR_AHEAD),
    ("no mac", without(GOOD, MAC_HEADER), Refusal.MAC_MISSING),
    ("bad mac", with_header(GOOD, MAC_HEADER, b"m1:" + b"0" * 32), Refusal.MAC_BAD),
    ("a mac that is not there", with_header(GOOD, MAC_HEADER, NO_VALUE), Refusal.MAC_KEY_UNKNOWN),
    ("a content type that is not there", with_header(GOOD, CONTENT_TYPE, NO_VALUE), Refusal.WRONG_CODEC),
    ("a longer mac", with_header(GOOD, MAC_HEADER, b"m1:" + b"0" * 33), Refusal.MAC_BAD),
    ("mac of other letters", with_header(GOOD, MAC_HEADER, b"m1:\xff"), Refusal.MAC_BAD),
    ("altered", GOOD._replace(value=(GOOD.value or b"").replace(b"0.2", b"0.3")), Refusal.MAC_BAD),
    ("another event id", with_header(GOOD, "ce_id", b"f" * 32), Refusal.MAC_BAD),
    ("inactive master", traces.trace(traces.work(1, {}), master="m2"), Refusal.MAC_KEY_UNKNOWN),
    ("event id of another trace", traces.authenticated(WORK, "f" * 32, "tenant-1", body()), Refusal.SCHEMA),
    ("another tenant's key", GOOD._replace(key=b"tenant-2"), Refusal.MAC_BAD),
    ("another tenant's body", signed(body(tenant="tenant-2")), Refusal.WRONG_TENANT),
    ("no key", GOOD._replace(key=None), Refusal.WRONG_TENANT),
    ("a key that is no tenant", GOOD._replace(key=b"Tenant 1"), Refusal.WRONG_TENANT),
    ("unknown signal", signed(body(signals={"mood": 0.5})), Refusal.UNKNOWN_SIGNAL),
    ("a signal of feedback", signed(body(signals={"acceptance": 0.5})), Refusal.UNKNOWN_SIGNAL),
    ("the gateway's signal", signed(body(signals={"yield": 1.0})), Refusal.UNKNOWN_SIGNAL),
    ("unknown release", signed(body(release="sha256:" + "0" * 64)), Refusal.UNKNOWN_RELEASE),
    ("forged token", refused_feedback(work_token=TOKEN), Refusal.TOKEN_BAD),
    ("token of no master", refused_feedback(work_token=TOKEN.replace("m1", "m9")), Refusal.TOKEN_BAD),
    ("unsigned starts", traces.authenticated("homeostat.exposure.report", "a" * 32, "tenant-1", b"{}"),
     Refusal.SIGNATURE_MISSING),
    ("structured, no json", with_header(signed(b"{"), CONTENT_TYPE, b"application/cloudevents+json"), Refusal.NOT_JSON),
    ("unknown control", Draft(b"control", b"{}", [("hs-control", b"dance")]), Refusal.UNKNOWN_TYPE),
    ("unsigned control", Draft(b"control", b"{}", [("hs-control", b"tick")]), Refusal.SIGNATURE_MISSING),
]  # fmt: skip


@pytest.mark.parametrize("is_known", [False, True], ids=["first of its key", "of a known key"])
@pytest.mark.parametrize(("draft", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_refused_under_its_one_reason(draft: Draft, reason: Refusal, is_known: bool) -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    if is_known:
        scenario.add(traces.trace(traces.work(9, {})))
        scenario.add(traces.trace(traces.work(9, {}, tenant="tenant-2")))
    before = run(scenario.log)[0].state_records()
    scenario.add(draft)
    stage, outputs = run(scenario.log)
    assert {name: count for name, count in stage.counts.items() if count} == {f"refused_{reason}": 1}
    (output,) = outputs
    assert (output.topic, output.signer) == (DEAD_LETTERS, UNSEALED)
    letter, _, _ = decode_unsealed(output.value or b"")
    assert (letter.reason, letter.offset) == (reason, len(scenario.log) - 1)
    after = stage.state_records()
    assert {key for key in before | after if before.get(key) != after.get(key)} <= {b"leaf", b"window"}


def test_a_control_record_by_the_wrong_role_is_refused() -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    tick = Tick(topic=scenario.topic, partition=0, at_ms=scenario.now_ms + 10**9)
    scenario.now_ms += 10**9
    scenario.add(control(tick, SignerRole.GATEWAY))
    stage, _ = run(scenario.log)
    assert stage.counts["refused_key_wrong_role"] == 1


def test_the_wrong_partition_is_refused() -> None:
    scenario = Scenario(partition=1)
    scenario.begin(quick_policy(partitions=2))
    scenario.add(GOOD)
    scenario.add(traces.trace(traces.work(5, {}, tenant="tenant-2")))
    stage, _ = run(scenario.log, new_stage(1, 2))
    assert stage.counts["refused_wrong_partition"] == 1
    assert stage.counts["refused_wrong_tenant"] == 0


def test_a_shape_names_declared_fields_only() -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    scenario.add(signed(body(jane_doe="1970-01-01")))
    letter, _, _ = decode_unsealed(run(scenario.log)[1][0].value or b"")
    assert "tenant:string" in letter.shape
    assert "?:string" in letter.shape
    assert "jane" not in letter.shape


@given(st.data())
@settings(max_examples=150)
def test_mutated_records_never_stop_the_stage(data: st.DataObject) -> None:
    """Whatever is done to a record's bytes, with a good MAC over the result: accepted, or refused and counted once."""
    value = bytearray(body())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    scenario = Scenario()
    scenario.begin(quick_policy())
    scenario.add(signed(bytes(value)))
    scenario.add(GOOD)
    scenario.tick(3.0)
    stage, outputs = run(scenario.log)
    refused = sum(count for name, count in stage.counts.items() if name.startswith("refused"))
    letters = [output for output in outputs if output.topic == DEAD_LETTERS]
    assert len(letters) == refused <= 1
    assert stage.counts["sessions_closed"] == 2 - refused
    assert all(find_header(output.headers, CE_TYPE) for output in outputs)
