"""Rollouts: pairs are formed first in first out, and their log-e is that of the statistics."""

import numpy as np
import pytest

from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.leaf.pairings import block_sizes
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.sample_ratio import add_session
from homeostat.detectors.statistics.two_sample import sum_pairs
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Verdict
from homeostat.schemas.evidence import Echo, Evidence
from homeostat.schemas.rollout import Rollout, RolloutPhase
from homeostat.schemas.signal import Family, Kind, Role
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import SIGNALS, decision, document, policy, rollout, signal
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import arm_trace, messages, new_stage, run, run_split

NEVER = signal("invented_allergy", role=Role.NEVER, kind=Kind.BINARY, family=Family.SAFETY)
CANDIDATES = [0.9, 0.2, 0.4, 0.7, 0.1, 0.6]
CONTROLS = [0.3, 0.3, 0.2, 0.5, 0.8, 0.4]


def begun(of: Rollout | None = None) -> Scenario:
    scenario = Scenario()
    scenario.begin(policy(), [document(of or rollout())])
    return scenario


def add(scenario: Scenario, arm: Arm, values: list[float], signal: str = "edit_ratio", **fields: object) -> None:
    for number, value in enumerate(values):
        scenario.add(arm_trace((arm, scenario.now_ms, number), arm, {signal: value}, **fields))
        scenario.wait(0.01)


def last_evidence(scenario: Scenario) -> Evidence:
    return Evidence.model_validate(messages(run(scenario.log)[1], EVIDENCE, "guardrails")[-1])


def test_pairs_are_first_in_first_out_whichever_arm_is_early() -> None:
    scenario = begun()
    add(scenario, Arm.CANDIDATE, CANDIDATES[:4])
    add(scenario, Arm.CONTROL, CONTROLS)
    add(scenario, Arm.CANDIDATE, CANDIDATES[4:])
    scenario.tick(3.0)
    told = last_evidence(scenario).guardrails["edit_ratio"]
    ds = _grid(CANDIDATES) - _grid(CONTROLS)
    harmful, non_inferior = sum_pairs(ds, 0.05, *guard_stakes(0.05))
    assert told.pairs == 6
    assert told.harmful == tuple(harmful.tolist())
    assert told.non_inferior == tuple(non_inferior.tolist())
    assert told.sum_d == round(float(ds.sum()) * VALUE_SCALE)
    assert (told.candidate_sessions, told.control_sessions) == (6, 6)


def _grid(values: list[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.floor(np.array(values) * VALUE_SCALE + 0.5) / VALUE_SCALE


def test_a_signal_harmful_downwards_is_turned_round() -> None:
    scenario = begun()
    for arm, accepted in ((Arm.CANDIDATE, 0.0), (Arm.CONTROL, 1.0)):
        scenario.add(traces.trace(traces.feedback((arm, 1), {"acceptance": accepted}, arm=arm)))
    scenario.tick(3.0)
    assert last_evidence(scenario).guardrails["acceptance"].sum_d == VALUE_SCALE


@pytest.mark.parametrize(("share", "block"), [(0.5, (1, 1)), (0.25, (1, 3)), (0.75, (3, 1)), (0.001, (1, 64))])
def test_blocks_follow_the_share(share: float, block: tuple[int, int]) -> None:
    assert block_sizes(share) == block


def test_each_control_is_used_once_in_its_block() -> None:
    scenario = begun(rollout(share=0.25))
    add(scenario, Arm.CONTROL, CONTROLS)
    add(scenario, Arm.CANDIDATE, CANDIDATES)
    scenario.tick(3.0)
    told = last_evidence(scenario).guardrails["edit_ratio"]
    controls = _grid(CONTROLS).reshape(2, 3).mean(axis=1)
    harmful, _ = sum_pairs(_grid(CANDIDATES[:2]) - controls, 0.05, *guard_stakes(0.05))
    assert told.pairs == 2
    assert told.harmful == pytest.approx(tuple(harmful.tolist()), abs=4)


def test_evidence_leaves_at_once_at_a_limit_and_else_at_ticks() -> None:
    scenario = begun()
    for _ in range(60):
        add(scenario, Arm.CANDIDATE, [1.0])
        add(scenario, Arm.CONTROL, [0.0])
        scenario.wait(0.01)
    for _ in range(4):
        scenario.wait(1.0)
        scenario.add(traces.Draft(None, b"", []))
    log = scenario.log
    told = messages(run(log)[1], EVIDENCE, "guardrails")
    assert len(told) == 1
    assert told[0]["guardrails"]["edit_ratio"]["pairs"] < 60
    scenario.tick()
    again = messages(run(scenario.log)[1], EVIDENCE, "guardrails")
    assert again[0] == told[0]
    assert again[-1]["guardrails"]["edit_ratio"]["pairs"] == 60
    marks = [message["mark"] for message in again]
    assert marks == sorted(set(marks))


def test_the_sample_ratio_is_bet_on_by_session_seen_or_by_start_reported() -> None:
    scenario = begun()
    add(scenario, Arm.CANDIDATE, CANDIDATES[:3])
    add(scenario, Arm.CONTROL, CONTROLS[:1])
    scenario.tick(3.0)
    sums = np.zeros(6, np.int64)
    for is_candidate in (True, True, True, False):
        add_session(is_candidate, 0.5, sums)
    assert last_evidence(scenario).ratio_log_e == tuple(sums.tolist())
    scenario.add(traces.exposure_report(1, [traces.start(derive_id("s", n), Arm.CONTROL) for n in range(2)]))
    for _ in range(2):
        add_session(False, 0.5, sums)
    add(scenario, Arm.CANDIDATE, CANDIDATES[3:])
    scenario.tick(3.0)
    assert last_evidence(scenario).ratio_log_e == tuple(sums.tolist())


def test_a_trace_of_another_release_than_its_arms_is_no_evidence() -> None:
    scenario = begun()
    add(scenario, Arm.CANDIDATE, [0.5], release=traces.RELEASE_OF_ARM[Arm.CONTROL])
    scenario.tick(3.0)
    stage, outputs = run(scenario.log)
    assert stage.counts["release_mismatch"] == 1
    assert messages(outputs, EVIDENCE, "guardrails")[-1]["guardrails"]["edit_ratio"]["candidate_sessions"] == 0


def test_steps_are_echoed_and_an_end_stops_the_evidence() -> None:
    scenario = begun()
    scenario.control(decision(rollout(), 1, RolloutPhase.EXPOSING))
    scenario.control(decision(rollout(), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL))
    add(scenario, Arm.CANDIDATE, CANDIDATES)
    add(scenario, Arm.CONTROL, CONTROLS)
    scenario.tick(3.0)
    stage, outputs = run(scenario.log)
    echoes = [Echo.model_validate(m) for m in messages(outputs, EVIDENCE, "partition_count") if "rollout" in m]
    assert [echo.step for echo in echoes] == [1, 2]
    assert messages(outputs, EVIDENCE, "guardrails") == []
    assert stage.world is not None
    assert not stage.world.pairs.arrays.length.any()


def test_a_retry_goes_on_with_the_evidence_of_the_same_releases() -> None:
    scenario = begun()
    add(scenario, Arm.CANDIDATE, CANDIDATES)
    add(scenario, Arm.CONTROL, CONTROLS)
    scenario.tick(3.0)
    scenario.control(decision(rollout(), 2, RolloutPhase.LAPSED, Verdict.LAPSE))
    retry = rollout(rollout=derive_id("retry"))
    scenario.control(document(retry))
    add(scenario, Arm.CANDIDATE, CANDIDATES[:1], rollout=retry.rollout)
    add(scenario, Arm.CONTROL, CONTROLS[:1], rollout=retry.rollout)
    scenario.tick(3.0)
    told = last_evidence(scenario)
    assert told.rollout == retry.rollout
    assert told.guardrails["edit_ratio"].pairs == 7


def test_a_full_queue_leaves_the_newest_out_and_says_so() -> None:
    scenario = begun()
    add(scenario, Arm.CONTROL, [0.5] * 130)
    scenario.tick(3.0)
    assert run(scenario.log)[0].counts["pair_queue_full"] == 2


def test_what_must_never_be_is_told_with_the_record_in_which_it_occurs() -> None:
    scenario = Scenario()
    scenario.begin(policy(signals=(*SIGNALS, NEVER)), [document(rollout())])
    add(scenario, Arm.CONTROL, [1.0], NEVER.name)
    add(scenario, Arm.CANDIDATE, [0.0, 1.0, 1.0], NEVER.name)
    occurred = scenario.log[-2].offset
    scenario.tick(3.0)
    stage, outputs = run(scenario.log)
    told = [(each["mark"], each["never"]) for each in messages(outputs, EVIDENCE, "guardrails")]
    assert told[0] == (occurred, [NEVER.name])
    assert {tuple(never) for _, never in told} == {(NEVER.name,)}
    assert [mark for mark, _ in told].count(occurred) == 1
    assert not any(occurred < mark < scenario.log[-1].offset for mark, _ in told)
    restored = new_stage()
    restored.restore(stage.state_records())
    assert restored.state_records() == stage.state_records()


def test_what_must_never_be_is_told_once_however_the_log_is_cut() -> None:
    scenario = Scenario()
    scenario.begin(policy(signals=(*SIGNALS, NEVER)), [document(rollout())])
    add(scenario, Arm.CANDIDATE, [0.0, 1.0, 1.0, 0.0], NEVER.name)
    scenario.tick(3.0)
    _, whole = run(scenario.log)
    _, parts, _ = run_split(scenario.log, range(1, len(scenario.log)))
    assert [output.value for output in parts] == [output.value for output in whole]
