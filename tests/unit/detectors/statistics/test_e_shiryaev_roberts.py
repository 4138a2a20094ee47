"""The detector's budget, its delay against the oracle, its onset, and its numerical safety."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from river import base

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Fixed, Floats
from homeostat.detectors.statistics import e_shiryaev_roberts as sr
from homeostat.detectors.statistics.bets import DOWN, UP, bounded_stakes
from homeostat.detectors.statistics.e_binary import binary_rows
from homeostat.detectors.statistics.e_bounded import e_bounded
from homeostat.detectors.statistics.river_detector import EShiryaevRoberts

RATE, THRESHOLD = 0.1, 1000.0


@compiled
def alarm_times(hits: Fixed, log_hit: Floats, log_miss: Floats, threshold: float, times: Fixed) -> int:
    m, e = np.zeros(8), np.empty(8)
    count = 0
    for t in range(hits.shape[0]):
        for k in range(8):
            e[k] = math.exp(log_hit[k] if hits[t] else log_miss[k])
        if sr.step_linear(m, e, 1.0, threshold):
            times[count] = t
            count += 1
    return count


@compiled
def cusum_delay(hits: Fixed, log_hit: float, log_miss: float, threshold: float) -> int:
    level = 0.0
    for t in range(hits.shape[0]):
        level = max(level, 0.0) + (log_hit if hits[t] else log_miss)
        if level >= threshold:
            return t + 1
    return len(hits)


def binary_logs(mean: float) -> tuple[Floats, Floats]:
    hit, miss = np.empty(8), np.empty(8)
    binary_rows(mean, UP, hit, miss)
    return hit, miss


def test_false_alarms_stay_within_the_budget() -> None:
    rng = np.random.default_rng(7)
    steps = 120_000
    hits = (rng.random(steps) < RATE).astype(np.int64)
    alarms = alarm_times(hits, *binary_logs(RATE), THRESHOLD, np.empty(steps, np.int64))
    budget = steps / THRESHOLD
    assert 0 < alarms <= budget + 3 * math.sqrt(budget)


def test_delay_is_near_that_of_cusum_that_knows_the_shift() -> None:
    rng = np.random.default_rng(8)
    hit, miss = binary_logs(RATE)
    shifted = 0.25
    threshold = math.log(THRESHOLD)
    mine, oracle = [], []
    for _ in range(150):
        hits = (rng.random(600) < shifted).astype(np.int64)
        times = np.full(600, 600)
        alarm_times(hits, hit, miss, THRESHOLD, times)
        mine.append(times[0] + 1)
        oracle.append(cusum_delay(hits, math.log(shifted / RATE), math.log((1 - shifted) / (1 - RATE)), threshold))
    assert np.mean(mine) < 1.35 * np.mean(oracle)


@pytest.mark.parametrize("step", [sr.step_linear, sr.step])
def test_an_alarm_empties_the_evidence(step: Callable[..., bool]) -> None:
    m = np.zeros(2)
    row = np.array([2.0, 4.0]) if step is sr.step_linear else np.array([2**33, 2**33])
    assert not step(m, row, 1.0, 1e6)
    assert sr.evidence(m) > 1.0
    assert step(m, row, 1.0, 2.0)
    assert m.tolist() == [0.0, 0.0]


def test_no_weight_no_evidence_and_extremes_stay_finite() -> None:
    m = np.zeros(2)
    assert sr.advance(m, np.array([9.0, 9.0]), 0.0) == 0.0
    for _ in range(10):
        sr.step_sum(m, np.array([2**62, -(2**62)]), 1.0)
    assert m[0] == sr.EVIDENCE_CAP
    assert m[1] == 0.0
    peak, start = np.full(2, sr.EVIDENCE_CAP), np.zeros(2, np.int64)
    sr.note_starts(peak, start, np.array([1e30, 1.0]), 1.0, 5)
    assert peak.tolist() == [sr.EVIDENCE_CAP] * 2
    assert start.tolist() == [0, 0]


def test_a_parents_step_of_a_bucket_is_the_product_of_its_records() -> None:
    rng = np.random.default_rng(9)
    log_es = (rng.normal(0, 0.3, (20, 8)) * 2**32).astype(np.int64)
    m = np.full(8, 2.0)
    value = sr.step_sum(m, log_es.sum(axis=0), 0.25)
    np.testing.assert_allclose(m, 2.25 * np.exp((log_es / 2**32).sum(axis=0)), rtol=1e-12)
    assert value == pytest.approx(m.mean())


def test_slots_are_stepped_independently() -> None:
    m, e = np.zeros((3, 2, 8)), np.ones((3, 2, 8))
    e[1, 1] = 50.0
    crossed = np.zeros((3, 2), np.bool_)
    assert sr.step_slots(m, e, np.array([1.0, 2.0, 3.0]), 60.0, crossed) == 1
    assert crossed.tolist() == [[False, False], [False, True], [False, False]]
    assert m[:, 0, 0].tolist() == [1.0, 2.0, 3.0]
    assert m[1, 1].tolist() == [0.0] * 8


@pytest.mark.parametrize(("direction", "before", "after"), [(UP, 0.3, 0.6), (DOWN, 0.7, 0.4)])
def test_onset_is_dated_close_to_the_change(direction: int, before: float, after: float) -> None:
    stakes, e = np.empty(8), np.empty(8)
    bounded_stakes(before, direction, stakes)
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        m, peak, start = np.zeros(8), np.zeros(8), np.zeros(8, np.int64)
        for t in range(2000):
            x = float(np.clip((before if t < 150 else after) + rng.normal(0, 0.1), 0, 1))
            e_bounded(x, before, direction, stakes, e)
            bet = sr.step_dated(m, peak, start, e, 1.0, 1e5, t)
            if bet >= 0:
                errors.append(abs(int(start[bet]) - 150))
                break
    assert len(errors) == 60
    assert np.median(errors) <= 10


def test_dated_and_plain_steps_hold_the_same_evidence() -> None:
    rng = np.random.default_rng(11)
    plain, dated, peak, start = np.zeros(8), np.zeros(8), np.zeros(8), np.zeros(8, np.int64)
    for t in range(500):
        e = np.exp(rng.normal(0.0, 0.4, 8))
        crossed = sr.step_linear(plain, e, 0.7, 30.0)
        assert crossed == (sr.step_dated(dated, peak, start, e, 0.7, 30.0, t) >= 0)
        np.testing.assert_array_equal(plain, dated)


class TestAsRiverDetector:
    """What River's own detectors do: construct, clone, update, drift, start afresh."""

    @pytest.fixture(params=[(False, True), (False, False), (True, True), (True, False)])
    def detector(self, request: pytest.FixtureRequest) -> EShiryaevRoberts:
        binary, increase = request.param
        return EShiryaevRoberts(mean=0.5, run_length=500.0, increase=increase, binary=binary)

    def test_it_is_a_drift_detector(self, detector: EShiryaevRoberts) -> None:
        assert isinstance(detector, base.DriftDetector)
        assert not detector.drift_detected
        assert detector.evidence == 0.0
        assert detector.onset is None

    def test_it_detects_dates_and_starts_afresh(self, detector: EShiryaevRoberts) -> None:
        fine, harmful = (0.0, 1.0) if detector.increase else (1.0, 0.0)
        drifts = []
        for t in range(120):
            detector.update(fine if t < 60 else harmful)
            if detector.drift_detected:
                drifts.append((t, detector.onset))
                assert detector.evidence == 0.0
        assert drifts[0][1] == 60
        assert drifts[1][1] == drifts[0][0] + 1

    def test_a_clone_has_the_parameters_and_none_of_the_past(self, detector: EShiryaevRoberts) -> None:
        for _ in range(5):
            detector.update(0.5)
        twin = detector.clone()
        assert twin._get_params() == detector._get_params()
        assert twin.evidence == 0.0
        assert twin is not detector

    @pytest.mark.parametrize("x", [-0.1, 1.1, math.nan])
    def test_what_is_no_signal_is_refused(self, x: float) -> None:
        with pytest.raises(ValueError, match="outside"):
            EShiryaevRoberts().update(x)
