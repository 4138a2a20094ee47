"""What the kernel lets in by itself is what reading record by record lets in: whatever the headers, whoever forges."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.leaf.doors import Doors, find_door
from homeostat.detectors.leaf.intake import Intake
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.headers import CE_ID, CE_SPEC, CE_TYPE, CONTENT_TYPE
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.mac import MAC_HEADER, start_trace_mac
from homeostat.schemas.trace import FeedbackTrace
from tests.builders import traces
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft
from tests.unit.detectors.leaf.logs import new_stage, quick_policy

Change = Callable[[Draft], Draft]
NAMES = [CE_ID, CE_SPEC, CE_TYPE, CONTENT_TYPE, MAC_HEADER, "hs-control", "traceparent", "x" * 30, ""]
VALUES = [b"", b"1.0", b"application/json", b"m1:" + b"0" * 32, FeedbackTrace.ce_type.encode(), b"f" * 300]


def one_by_one(monkeypatch: pytest.MonkeyPatch, log: Sequence[LogRecord]) -> tuple[LeafStage, list[Output]]:
    """A stage that reads every record by itself."""

    def take_none(intake: Intake, block: RecordBlock, first: int, _log: object) -> int:
        intake._block = block
        return first

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "take_plain", take_none)
        stage = new_stage()
        return stage, stage.apply(log)


def compare(monkeypatch: pytest.MonkeyPatch, log: Sequence[LogRecord]) -> LeafStage:
    expected, said = one_by_one(monkeypatch, log)
    stage = new_stage()
    assert stage.apply(log) == said
    assert stage.counts == expected.counts
    assert stage.state_records() == expected.state_records()
    return stage


def mend(draft: Draft, **changes: Any) -> Draft:
    return draft._replace(**changes)


CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.just(lambda draft: draft),
    st.randoms(use_true_random=False).map(
        lambda random: lambda draft: mend(draft, headers=random.sample(list(draft.headers), len(draft.headers)))
    ),
    st.tuples(st.integers(0, 6), st.sampled_from(NAMES), st.sampled_from(VALUES)).map(
        lambda made: (
            lambda draft: mend(
                draft, headers=[*draft.headers[: made[0]], (made[1], made[2]), *draft.headers[made[0] :]]
            )
        )
    ),
    st.integers(0, 5).map(
        lambda at: lambda draft: mend(draft, headers=[*draft.headers[:at], *draft.headers[at + 1 :]])
    ),
    st.just(lambda draft: mend(draft, headers=[*draft.headers, *([("more", b"1")] * 20)])),
    st.sampled_from([None, b"", b"tenant-1#0", b"tenant-2", b"Tenant"]).map(
        lambda key: lambda draft: mend(draft, key=key)
    ),
    st.just(lambda draft: mend(draft, value=None)),
    st.just(lambda draft: mend(draft, value=(draft.value or b"") + b" ")),
)


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(CHANGES, min_size=1, max_size=12), steps_s=st.lists(st.floats(-5, 200), min_size=12, max_size=12)
)
def test_as_record_by_record(changes: list[Change], steps_s: list[float]) -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    for number in range(2):
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": 0.2})))
    for number, (change, step_s) in enumerate(zip(changes, steps_s, strict=False), start=2):
        scenario.wait(step_s)
        made = traces.work(number, {"edit_ratio": 0.3}) if number % 3 else traces.feedback(number, {"acceptance": 1.0})
        scenario.add(change(traces.trace(made)))
    scenario.tick(7200.0)
    with pytest.MonkeyPatch.context() as monkeypatch:
        compare(monkeypatch, scenario.log)


@pytest.mark.parametrize("every", [2, 3, 50])
def test_forged_records_between_good_ones(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    for number in range(300):
        draft = traces.trace(traces.work(number, {"edit_ratio": 0.2}))
        scenario.add(mend(draft, value=(draft.value or b"") + b" ") if number % every == 1 else draft)
    stage = compare(monkeypatch, scenario.log)
    assert stage.counts["refused_mac_bad"] == len(range(1, 300, every))


def test_a_batch_of_much_text_is_held() -> None:
    scenario = Scenario()
    scenario.begin(quick_policy())
    wide = " " * 2000
    for number in range(400):
        message = traces.work(number, {"edit_ratio": 0.2})
        value = message.model_dump_json().encode() + wide.encode()
        scenario.add(traces.authenticated(message.ce_type, message.trace_id, "tenant-1", value))
    stage = new_stage()
    stage.apply(scenario.log)
    scenario.tick(7200.0)
    stage.apply(scenario.log)
    assert (stage.counts["sessions_closed"], stage.next_offset) == (400, len(scenario.log))


def test_doors_are_found_however_many() -> None:
    doors = Doors((b"m1", b"m2"))
    keys = [b"tenant-%d" % number for number in range(500)]
    macs = {b"m1": start_trace_mac(b"1"), b"m2": start_trace_mac(b"2")}
    for number, key in enumerate(keys):
        doors.add(key, number + 7, macs)
    block = RecordBlock.of([LogRecord(at, 0, key, b"") for at, key in enumerate([*keys, b"tenant-500"])])
    found = [find_door(block.text, at, at + size, doors.arrays) for at, size in block.spans[:, 2:4].tolist()]
    assert found[:-1] == list(range(500))
    assert found[-1] < 0
    assert doors.arrays.tenant[:500].tolist() == list(range(7, 507))
    assert len(doors.macs) == 1000
