"""A storm stays within bounds; batches, repeats and restarts do not show; bad records are counted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.triage.grouping import MAX_OPEN_EVENTS
from homeostat.detectors.triage.open_event import MAX_BESIDES, MAX_CHANGES, MAX_COHORTS
from homeostat.detectors.triage.size_interval import mean_interval
from homeostat.detectors.triage.stage import TriageStage
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import Output
from homeostat.schemas.partition import partition_of
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Family, Role
from homeostat.schemas.topics import ALARMS, DEAD_LETTERS, DRIFT_EVENTS
from homeostat.schemas.trace import Arm
from tests.builders.documents import START_MS, decision
from tests.builders.keys import trust
from tests.builders.scenario import Scenario, control
from tests.builders.traces import Draft
from tests.unit.detectors.triage.alarms import (
    ROLLOUT,
    Triage,
    alarm,
    companion,
    draft,
    input_alarm,
    leaf,
    moved_alarm,
    review,
    seal,
)

STORM = 40_000
TICKS = 100


def test_a_storm_of_alarms_is_bounded_in_memory_and_in_statements() -> None:
    triage = Triage(with_rollout=False)
    stated = 0
    for number in range(STORM):
        cohort = leaf(f"tenant-{number % 5000}", specialty=f"specialty-{number % 37}")
        triage.log.add(draft(alarm(number, cohort, START_MS, signal=f"signal-{number % 7}")))
        if number % (STORM // TICKS) == 0:
            triage.log.tick(0.001)
            stated += len(triage.read())
    stated += len(triage.read())
    assert stated <= 7 + TICKS * 7
    assert sum(event.alarms for event in triage.stage.open_events.values()) == STORM
    assert sum(len(data) for data in triage.stage.state_records().values()) < 2_000_000
    for event in triage.stage.open_events.values():
        assert len(event.changes) <= MAX_CHANGES
        assert len(event.leaves) <= MAX_COHORTS


def test_what_stands_beside_a_storm_is_bounded_too() -> None:
    triage = Triage(with_rollout=False)
    beside = tuple(companion(f"column-{number}", 0.2 + number / 200, role=Role.GUARDRAIL) for number in range(128))
    ids: dict[str, Any] = {
        name: tuple(derive_id(name, number) for number in range(16)) for name in ("affected", "unaffected")
    }
    for number in range(4 * MAX_BESIDES):
        triage.alarm(alarm(number, leaf(f"tenant-{number}"), companions=beside, **ids))
    (event,) = triage.stage.open_events.values()
    assert len(event.besides) == MAX_BESIDES
    assert event.besides_left_out == 3 * MAX_BESIDES
    assert len(event.to_bytes()) < 300_000
    (stated,) = triage.tick()
    assert len(to_json(stated)) < 300_000


def test_what_finds_no_room_goes_into_one_event() -> None:
    triage = Triage(with_rollout=False)
    for number in range(3 * MAX_OPEN_EVENTS):
        triage.alarm(alarm(number, leaf(f"tenant-{number}"), signal=f"signal-{number}"))
    events = triage.stage.open_events.values()
    assert len(events) == MAX_OPEN_EVENTS
    (spill,) = [event for event in events if event.spill]
    assert spill.alarms == 3 * MAX_OPEN_EVENTS - (MAX_OPEN_EVENTS - 1)


def test_the_gravest_changes_are_kept() -> None:
    triage = Triage(with_rollout=False)
    for number in range(2 * MAX_CHANGES):
        triage.alarm(alarm(number, leaf(f"tenant-{number}"), observed=0.3 + number / 1000))
    (event,) = triage.tick()
    assert [change.observed for change in event.changes] == sorted(
        (0.3 + number / 1000 for number in range(MAX_CHANGES, 2 * MAX_CHANGES)), reverse=True
    )
    assert event.alarms == 2 * MAX_CHANGES


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("alarm"), st.integers(0, 3), st.sampled_from(list(Arm)), st.booleans()),
        st.tuples(st.just("beside"), st.integers(0, 3), st.sampled_from([0.2, 0.28, 0.4])),
        st.tuples(st.just("seal"), st.integers(0, 3)),
        st.tuples(st.just("review"), st.integers(0, 3)),
        st.tuples(st.just("tick"), st.sampled_from([0.5, 60.0, 130.0])),
        st.tuples(st.just("step"), st.sampled_from(list(RolloutPhase))),
    ),
    max_size=25,
)


def build_log(steps: list[tuple[object, ...]]) -> Triage:
    triage = Triage()
    for number, step in enumerate(steps):
        match step:
            case ("alarm", int(tenant), Arm() as arm, bool(is_input)):
                make = input_alarm if is_input else alarm
                triage.log.add(draft(make(number, leaf(f"tenant-{tenant}", arm), at_ms=triage.log.now_ms)))
            case ("beside", int(tenant), float(observed)):
                rows = (companion("dialogue_length", observed, family=Family.INPUT),)
                ids = {"affected": (derive_id("a", number),), "unaffected": (derive_id("u", number),)}
                message = moved_alarm(number, Family.OUTPUT, leaf(f"tenant-{tenant}"), companions=rows, **ids)
                triage.log.add(draft(message.model_copy(update={"log_time_ms": triage.log.now_ms})))
            case ("seal", int(tenant)):
                triage.log.control(seal(leaf(f"tenant-{tenant}"), number))
            case ("review", int(back)):
                triage.read()
                asked = [(event.event, trace) for event in triage.stated for trace in event.sample.affected]
                triage.log.control(review(*asked[-1 - back % len(asked)], number) if asked else seal(leaf(), number))
            case ("tick", float(seconds)):
                triage.log.tick(seconds)
            case ("step", RolloutPhase() as phase):
                triage.log.add(step_draft(number, phase, triage.log.now_ms))
            case _:
                raise AssertionError(step)
    return triage


def step_draft(number: int, phase: RolloutPhase, now_ms: int) -> Draft:
    return control(decision(ROLLOUT, number + 1, phase, log_time_ms=now_ms))


@given(_STEPS, st.data())
@settings(max_examples=60)
def test_any_batches_and_any_restart_give_the_same_bytes(steps: list[tuple[object, ...]], data: st.DataObject) -> None:
    log = build_log(steps).log.log
    whole = TriageStage(0, 1, trust())
    expected = whole.apply(log)
    kept: dict[bytes, bytes] = {}
    outputs: list[Output] = []
    cuts = sorted(data.draw(st.sets(st.integers(1, len(log)), max_size=4)))
    for begin, end in zip([0, *cuts], [*cuts, len(log)], strict=True):
        stage = TriageStage(0, 1, trust())
        stage.restore(kept)
        outputs += stage.apply(log[begin:end])
        for key, value in stage.drain_changes():
            kept.pop(key, None) if value is None else kept.__setitem__(key, value)
        assert kept == stage.state_records()
    assert outputs == expected
    assert kept == whole.state_records()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Draft(b"platform", b"{}", ()), "unknown_type"),
        (Draft(b"platform", b"{}", [("ce_type", b"homeostat.alarm")]), "schema"),
        (Draft(b"platform", b"?", output_headers("homeostat.alarm", "leaf", 0, 0, 0)), "not_json"),
        (Draft(b"platform", draft(alarm(1)).value, [("ce_type", b"homeostat.alarm")]), "schema"),
        (Draft(b"k", b"x", [("hs-control", b"tick")]), "signature_missing"),
    ],
)
def test_what_cannot_be_read_is_counted_and_the_stream_goes_on(bad: Draft, reason: str) -> None:
    triage = Triage()
    triage.log.add(bad)
    (event,) = triage.alarm(alarm(2))
    assert event.alarms == 1
    assert triage.stage.counts == {f"refused_{reason}": 1, "alarm": 1}
    assert [output.topic for output in triage.outputs] == [DEAD_LETTERS, DRIFT_EVENTS]


def test_a_wrong_partition_is_refused() -> None:
    partition = 1 - partition_of(b"platform", 2)
    log = Scenario(ALARMS, partition)
    log.begin()
    log.add(draft(alarm(1)))
    stage = TriageStage(partition, 2, trust())
    assert [output.topic for output in stage.apply(log.log)] == [DEAD_LETTERS]
    assert stage.counts == {"refused_wrong_partition": 1}


def test_before_a_snapshot_alarms_are_only_counted() -> None:
    log = Scenario(ALARMS)
    log.add(draft(alarm(1)))
    stage = TriageStage(0, 1, trust())
    assert stage.apply(log.log) == []
    assert stage.counts == {"not_evaluated": 1}


def test_an_interval_narrows_with_sessions_and_is_whole_without() -> None:
    assert mean_interval(0.5, 0) == (0.0, 1.0)
    wide, narrow = mean_interval(0.2, 50), mean_interval(0.2, 5000)
    assert wide[0] < narrow[0] < 0.2 < narrow[1] < wide[1]
    assert mean_interval(0.0, 10)[0] == 0.0
    assert mean_interval(1.0, 10)[1] == 1.0


@pytest.mark.parametrize("with_leaf", [False, True])
def test_a_subgroup_joins_an_event_of_its_workflow(with_leaf: bool) -> None:
    triage = Triage(with_rollout=False)
    old = Cohort(layer=Layer.SUBGROUP, tenant="tenant-1", workflow="scribe", band="age:80")
    if with_leaf:
        triage.alarm(alarm(1, leaf()))
    triage.alarm(alarm(2, old, role=Role.DIAGNOSTIC))
    triage.tick(1.0)
    (event,) = triage.stage.open_events.values()
    assert event.alarms == 1 + with_leaf
    assert triage.stated[-1].scope.tenant == "tenant-1"
    assert triage.stated[-1].scope.band is None
