"""Control records: who may write them, what they change, and that a repeat changes nothing."""

import pytest

from homeostat.detectors.control_log import ControlLog
from homeostat.schemas.control import CONTROL_HEADER, MissingSource, Tick
from homeostat.schemas.errors import PoisonRecord, SignatureRefused, StateCorrupt
from homeostat.schemas.log import LogRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import TRACES
from tests.builders.documents import START_MS, decision, document, policy, rollout
from tests.builders.keys import trust
from tests.builders.scenario import Scenario, control


def fold_all(log: ControlLog, records: list[LogRecord]) -> list[bool]:
    return [log.fold(record).changed for record in records]


def begun() -> tuple[Scenario, ControlLog]:
    scenario, log = Scenario(), ControlLog(TRACES, 0, trust())
    scenario.begin(extra=[document(rollout())])
    fold_all(log, scenario.log)
    return scenario, log


def test_a_complete_snapshot_makes_it_evaluated() -> None:
    scenario, log = begun()
    assert log.evaluated
    assert log.policy == policy()
    assert log.masters == {"m1"}
    assert len(log.releases) == 3
    assert list(log.rollouts) == [rollout().rollout]
    assert len(scenario.log) == 8


def test_a_snapshot_with_a_missing_document_does_not() -> None:
    scenario = Scenario()
    scenario.begin()
    log = ControlLog(TRACES, 0, trust())
    fold_all(log, scenario.log[:2] + scenario.log[3:])
    assert not log.evaluated


def test_repeats_change_nothing() -> None:
    scenario, log = begun()
    before = log.state_records()
    documents = scenario.log[1:-1]
    assert fold_all(log, documents) == [False] * len(documents)
    assert log.state_records() == before


def test_an_older_version_is_ignored() -> None:
    scenario, log = Scenario(), ControlLog(TRACES, 0, trust())
    newer, older = policy(max_value_bytes=2048), policy(max_value_bytes=4096)
    log.fold(scenario.control(document(newer, version=2)))
    assert not log.fold(scenario.control(document(older, version=1))).changed
    assert log.policy == newer


def test_the_clock_runs_forward_and_data_moves_it_by_a_bounded_step() -> None:
    _, log = begun()
    start = log.log_time_ms
    assert log.advance(start - 5_000, is_data=True) == start
    assert log.advance(start + 10**9, is_data=True) == start + 60_000
    assert log.advance(start + 10**9, is_data=False) == start + 10**9


@pytest.mark.parametrize("role", [SignerRole.OPERATOR, SignerRole.GUARD, SignerRole.GATEWAY])
def test_only_control_ticks(role: SignerRole) -> None:
    scenario, log = begun()
    record = scenario.add(control(Tick(topic=TRACES, partition=0, at_ms=START_MS), role))
    with pytest.raises(SignatureRefused) as refused:
        log.fold(record)
    assert refused.value.reason is Refusal.KEY_WRONG_ROLE


def test_a_tick_for_another_partition_is_refused() -> None:
    scenario, log = begun()
    with pytest.raises(PoisonRecord) as refused:
        log.fold(scenario.control(Tick(topic=TRACES, partition=1, at_ms=START_MS)))
    assert refused.value.reason is Refusal.WRONG_PARTITION


def test_an_unknown_control_type_is_refused() -> None:
    scenario, log = begun()
    record = scenario.tick()._replace(headers=[(CONTROL_HEADER, b"dance")])
    with pytest.raises(PoisonRecord) as refused:
        log.fold(record)
    assert refused.value.reason is Refusal.UNKNOWN_TYPE


def test_a_document_under_another_types_header_is_refused() -> None:
    scenario, log = begun()
    record = scenario.control(document(policy(), version=9))._replace(headers=[(CONTROL_HEADER, b"release")])
    with pytest.raises(SignatureRefused):
        log.fold(record)


def test_state_is_restored_to_the_same_bytes() -> None:
    scenario, log = begun()
    step = decision(rollout(), 1, RolloutPhase.EXPOSING)
    log.fold(scenario.control(step))
    missing = MissingSource(
        topic=TRACES, partition=0, at_ms=START_MS, source_topic=TRACES, source_partition=3, last_mark=7
    )
    log.fold(scenario.control(missing))
    restored = ControlLog(TRACES, 0, trust())
    restored.restore(log.state_records())
    assert restored.state_records() == log.state_records()
    assert restored.steps == {step.rollout: step}
    assert restored.missing == {3}
    assert restored.evaluated
    restored.declare_present(3)
    assert restored.missing == set()


def test_changes_are_the_difference_of_states() -> None:
    scenario, log = begun()
    log.drain_changes()
    before = log.state_records()
    log.fold(scenario.control(document(policy(max_value_bytes=2048), version=5)))
    after = log.state_records()
    assert dict(log.drain_changes()) == {key: value for key, value in after.items() if before.get(key) != value}
    assert log.drain_changes() == []


def test_a_damaged_state_record_is_not_used() -> None:
    _, log = begun()
    records = log.state_records()
    key = b"control/clock"
    records[key] = records[key][:-1] + bytes([records[key][-1] ^ 1])
    with pytest.raises(StateCorrupt):
        ControlLog(TRACES, 0, trust()).restore(records)
