"""Baselines and monitors: what the kernel does is what the statistics say, value by value."""

import math

import numpy as np
import pytest

from homeostat.detectors.fixed_point import VALUE_SCALE, encode_log_e
from homeostat.detectors.leaf.stakes import guess_deviation, write_stakes
from homeostat.detectors.statistics.baseline_bound import lower_bound, upper_bound
from homeostat.detectors.statistics.bets import DOWN, UP
from homeostat.detectors.statistics.e_binary import binary_rows, e_binary
from homeostat.detectors.statistics.e_bounded import e_bounded
from homeostat.detectors.statistics.e_shiryaev_roberts import advance
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import SealBaseline, SealBaselineDocument
from homeostat.schemas.policy import Budget
from homeostat.schemas.summary import Summary
from homeostat.schemas.topics import ALARMS, SUMMARIES
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import START_MS
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import LEAST_SESSIONS, messages, quick_policy, run

MODEST = Budget(alarm_threshold=1e4, false_alarms_per_week=100, expected_monitors=1, baseline_delta=0.2)
VALUES = [round(0.1 + 0.3 * (number * 37 % 101) / 101, 4) for number in range(LEAST_SESSIONS)]
LATER = [round(0.1 + 0.3 * (number * 53 % 97) / 97, 4) for number in range(40)]
WORSE = [round(0.7 + 0.2 * (number * 53 % 97) / 97, 4) for number in range(24)]


def log_of(values: list[float], gap_s: float = 0.5) -> Scenario:
    """One session of tenant-1's baseline arm for each value of edit_ratio."""
    scenario = Scenario()
    scenario.begin(quick_policy(budget=MODEST))
    for number, value in enumerate(values):
        scenario.add(traces.trace(traces.work(number, {"edit_ratio": value})))
        scenario.wait(gap_s)
    scenario.tick(5.0)
    return scenario


def quantised(values: list[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.floor(np.array(values) * VALUE_SCALE + 0.5) / VALUE_SCALE


def test_the_first_sessions_seal_the_reference_with_its_bounds() -> None:
    stage, _ = run(log_of(VALUES).log)
    world = stage.world
    assert world is not None
    column = world.plan.column["edit_ratio"]
    n, mean, lower, upper = world.cohorts.arrays.reference[0, column].tolist()
    values = quantised(VALUES)
    assert n == LEAST_SESSIONS
    assert mean == pytest.approx(values.mean(), abs=1e-12)
    delta = MODEST.baseline_delta / 2
    assert (lower, upper) == (lower_bound(values, delta), upper_bound(values, delta))
    assert lower < mean < upper


def test_the_kernel_steps_monitors_as_the_statistics_do() -> None:
    log = log_of([*VALUES, *LATER]).log
    stage, _ = run(log)
    world = stage.world
    assert world is not None
    column = world.plan.column["edit_ratio"]
    n, _, lower, upper = world.cohorts.arrays.reference[0, column].tolist()
    deviation = guess_deviation(n, lower, upper, MODEST.baseline_delta)
    rate_per_ms = MODEST.false_alarms_per_week * MODEST.alarm_threshold / 604_800_000
    for side, (direction, null) in enumerate(((UP, upper + 0.05), (DOWN, lower - 0.05))):
        stakes, e_row, m_row = np.empty(8), np.empty(8), np.zeros(8)
        write_stakes(False, null, direction, stakes, deviation)
        for value in quantised(LATER).tolist():
            e_bounded(value, null, direction, stakes, e_row)
            advance(m_row, e_row, rate_per_ms * 500)
        assert world.cohorts.arrays.evidence[0, column, side].tolist() == pytest.approx(m_row.tolist(), rel=1e-12)


def test_a_linear_stake_is_the_binary_e_value_at_0_and_1_and_above_it_between() -> None:
    for direction, null in ((UP, 0.1), (UP, 0.6), (DOWN, 0.9), (DOWN, 0.3)):
        stakes, hit, miss, out = (np.empty(8) for _ in range(4))
        write_stakes(True, null, direction, stakes)
        binary_rows(null, direction, hit, miss)
        for x in (0.0, 0.25, 0.5, 1.0):
            e_binary(x, hit, miss, out)
            linear = 1.0 + stakes * (direction * (x - null))
            assert np.all(linear >= out * (1 - 1e-12))
            if x in {0.0, 1.0}:
                assert linear.tolist() == pytest.approx(out.tolist(), rel=1e-12)


@pytest.mark.parametrize(("is_binary", "direction", "null"), [(True, UP, 1.0), (False, UP, 1.2), (True, DOWN, -0.1)])
def test_no_bet_where_the_null_covers_everything(is_binary: bool, direction: int, null: float) -> None:
    stakes = np.ones(8)
    write_stakes(is_binary, null, direction, stakes)
    assert not stakes.any()


def test_a_change_alarms_with_its_numbers() -> None:
    scenario = log_of([*VALUES, *LATER, *WORSE])
    _, outputs = run(scenario.log)
    alarms = [Alarm.model_validate(message) for message in messages(outputs, ALARMS)]
    first = alarms[0]
    changed_ms = START_MS + 500 * len([*VALUES, *LATER])
    assert (first.signal, first.direction, first.harmful) == ("edit_ratio", "up", True)
    assert first.cohort == Cohort(
        layer=Layer.LEAF, tenant="tenant-1", specialty="cardiology", workflow="scribe", arm=Arm.BASELINE
    )
    assert first.evidence >= first.threshold == MODEST.alarm_threshold
    assert first.onset_from_ms <= changed_ms <= first.onset_to_ms + 1000
    assert first.observed == pytest.approx(0.8, abs=0.1)
    assert first.baseline < first.bound
    assert first.baseline_sessions == LEAST_SESSIONS
    assert first.releases == (traces.RELEASE_OF_ARM[Arm.BASELINE],)
    assert first.corroboration is not None
    assert len({alarm.alarm for alarm in alarms}) == len(alarms)


def test_no_alarm_before_a_reference_is_sealed() -> None:
    _, outputs = run(log_of([*VALUES[:-1], *[1.0] * 0]).log)
    assert messages(outputs, ALARMS) == []


def test_parents_are_told_each_sessions_log_e_against_its_own_leaf() -> None:
    stage, outputs = run(log_of([*VALUES, *LATER]).log)
    world = stage.world
    assert world is not None
    column = world.plan.column["edit_ratio"]
    n, mean, lower, upper = world.cohorts.arrays.reference[0, column].tolist()
    stakes = np.empty(8)
    write_stakes(False, upper + 0.05, UP, stakes, guess_deviation(n, lower, upper, MODEST.baseline_delta))
    expected = [
        sum(encode_log_e(math.log(1.0 + stake * (x - (upper + 0.05)))) for x in quantised(LATER).tolist())
        for stake in stakes.tolist()
    ]
    told = [Summary.model_validate(message) for message in messages(outputs, SUMMARIES, "records")]
    platform = [summary.signals["edit_ratio"] for summary in told if summary.cohort.layer is Layer.PLATFORM]
    assert sum(part.bet_sessions for part in platform) == len(LATER)
    assert sum(part.sessions for part in platform) == len(VALUES) + len(LATER)
    assert sum(part.expected for part in platform) == len(LATER) * round(mean * VALUE_SCALE)
    got = [sum(part.log_e_up[k] for part in platform if part.log_e_up) for k in range(8)]
    # each expected number was rounded down; the leaf rounds the logarithm of many factors' product once
    assert all(0 <= exact - rounded <= len(LATER) for exact, rounded in zip(got, expected, strict=True))


def test_a_new_reference_uses_only_sessions_after_the_decision() -> None:
    scenario = log_of(VALUES)
    leaf = Cohort(layer=Layer.LEAF, tenant="tenant-1", specialty="cardiology", workflow="scribe", arm=Arm.BASELINE)
    scenario.add(traces.trace(traces.work("before", {"edit_ratio": 0.0})))
    body = SealBaseline(cohort=leaf, sessions=200)
    scenario.control(SealBaselineDocument(subject=f"seal/{leaf.key}", subject_version=1, at_ms=START_MS, body=body))
    for number in range(200):
        scenario.add(traces.trace(traces.work(("after", number), {"edit_ratio": 0.5})))
        scenario.wait(0.01)
    scenario.tick(5.0)
    stage, _ = run(scenario.log)
    world = stage.world
    assert world is not None
    n, mean, *_ = world.cohorts.arrays.reference[0, world.plan.column["edit_ratio"]].tolist()
    assert (n, mean) == (200, 0.5)
