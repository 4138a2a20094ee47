"""Signals that do not decide: compared as their sessions close, told at a bucket's end, read by no verdict."""

import numpy as np
import pytest

from homeostat.detectors.fixed_point import VALUE_SCALE, decode_value
from homeostat.detectors.statistics.centred_interval import centred_interval
from homeostat.schemas.decision import Verdict
from homeostat.schemas.evidence import SignalEvidence
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from tests.builders.documents import decision, rollout
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import messages, run
from tests.unit.detectors.leaf.test_pairs import add, begun


def told(scenario: Scenario) -> list[SignalEvidence]:
    kind = SignalEvidence.ce_type.encode()
    own = [output for output in run(scenario.log)[1] if find_header(output.headers, CE_TYPE) == kind]
    return [SignalEvidence.model_validate(message) for message in messages(own, EVIDENCE)]


def test_all_that_waits_of_both_arms_makes_one_difference_whichever_is_early() -> None:
    scenario = begun()
    add(scenario, Arm.CONTROL, [0.2, 0.4], "dialogue_length")
    add(scenario, Arm.CANDIDATE, [0.9, 0.5], "dialogue_length")
    add(scenario, Arm.CONTROL, [0.5], "dialogue_length")
    scenario.tick(4.0)
    said = told(scenario)[-1].signals["dialogue_length"]
    scaled = np.array([0.9 - 0.3, 0.5 - 0.5]) / 10_000
    assert (said.pairs, said.candidate_sessions, said.control_sessions) == (2, 2, 3)
    assert decode_value(said.sum_d) == pytest.approx(scaled.sum(), abs=3 / VALUE_SCALE)
    assert (scaled**2).sum() <= decode_value(said.sum_d2) <= (scaled**2).sum() + 4 / VALUE_SCALE


def test_a_signal_harmful_downwards_is_turned_round_and_guardrails_are_not_among_them() -> None:
    scenario = begun()
    for signal in ("structure_score", "edit_ratio"):
        add(scenario, Arm.CANDIDATE, [0.25], signal)
        add(scenario, Arm.CONTROL, [1.0], signal)
    scenario.tick(4.0)
    signals = told(scenario)[-1].signals
    assert set(signals) == {"structure_score"}
    assert decode_value(signals["structure_score"].sum_d) == 0.75


def test_they_are_told_once_a_bucket_and_only_when_something_came() -> None:
    scenario = begun()
    add(scenario, Arm.CANDIDATE, [0.5], "structure_score")
    for _ in range(12):
        scenario.tick(0.5)
    assert [said.signals["structure_score"].candidate_sessions for said in told(scenario)] == [1]


def test_an_end_stops_them() -> None:
    scenario = begun()
    scenario.control(decision(rollout(), 1, RolloutPhase.EXPOSING))
    add(scenario, Arm.CANDIDATE, [0.5], "structure_score")
    scenario.control(decision(rollout(), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL))
    scenario.tick(4.0)
    assert told(scenario) == []


def test_intervals_hold_however_often_one_looks() -> None:
    random = np.random.default_rng(20261)
    missed = 0
    for _ in range(100):
        d = random.choice([-0.4, 0.0, 0.4], 300, p=[0.25, 0.5, 0.25])
        sums, squares = d.cumsum(), (d * d).cumsum()
        ends = [centred_interval(n, sums[n - 1], squares[n - 1], 0.05) for n in range(1, 301, 30)]
        missed += any(not low <= 0.0 <= high for low, high in ends)
    assert missed <= 0.05 * 100
