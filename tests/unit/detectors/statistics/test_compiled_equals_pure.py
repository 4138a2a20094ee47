"""Compiled functions and their pure forms give the same bits on the same inputs."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from homeostat.detectors import fixed_point as fp
from homeostat.detectors.compiled import compiled, pure
from homeostat.detectors.statistics import (
    baseline_bound,
    bets,
    clopper_pearson,
    closed_test,
    e_binary,
    e_bounded,
    mixture,
    sample_ratio,
    two_sample,
    verdict,
)
from homeostat.detectors.statistics import e_shiryaev_roberts as sr

RNG = np.random.default_rng(20)
XS = RNG.uniform(0.0, 1.0, 40)
LOG_ES = RNG.normal(0.0, 2.0, 8)
SUMS = RNG.integers(-(2**36), 2**36, (2, 3, 6))
HIT, MISS = RNG.normal(0.0, 1.0, (2, 8))
STAKES = bets.GUARD_FRACTIONS / 1.05


def same(function: Callable[..., object], *arguments: object) -> None:
    """Run both forms on copies of the arguments; results and everything written in place must be equal."""
    first, second = ([a.copy() if isinstance(a, np.ndarray) else a for a in arguments] for _ in range(2))
    np.testing.assert_equal(pure(function)(*second), function(*first))
    for mine, its in zip(first, second, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("number", [0.0, -0.3, 1e-9, 17.25, -1e12, 1e12, math.inf, -math.inf])
def test_encoding(number: float) -> None:
    same(fp.encode_log_e, number)
    same(fp.encode_value, number)


@pytest.mark.parametrize("a", [0, 7, -7, fp.LIMIT, -fp.LIMIT])
@pytest.mark.parametrize("b", [0, 1, -1, fp.LIMIT, -fp.LIMIT])
def test_integers(a: int, b: int) -> None:
    same(fp.saturates, a, b)
    same(fp.add_saturating, a, b)
    same(fp.add_square, 5, 2**61, b >> 2)
    same(fp.decode_log_e, a)
    same(fp.decode_value, a)
    same(fp.add_rows, np.array([a, b]), np.array([b, 3]))


@pytest.mark.parametrize("direction", [bets.UP, bets.DOWN])
@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.05, 0.5, 0.83, 1.0])
def test_monitor_e_values(mean: float, direction: int) -> None:
    row, hit, miss, fixed = np.empty(8), np.empty(8), np.empty(8), np.empty(8, np.int64)
    same(bets.bounded_stakes, mean, direction, row)
    same(bets.bounded_stakes, mean, direction, row, 0.1)
    same(bets.binary_alternatives, mean, direction, row)
    same(e_binary.binary_rows, mean, direction, hit, miss)
    bets.bounded_stakes(mean, direction, row)
    e_binary.binary_rows(mean, direction, hit, miss)
    for x in (*XS.tolist(), 0.0, 1.0):
        same(e_bounded.e_bounded, x, mean, direction, row, np.empty(8))
        same(e_bounded.log_e_bounded, x, mean, direction, row, fixed)
        same(e_binary.e_binary, x, hit, miss, np.empty(8))
        same(e_binary.log_e_binary, x, hit, miss, fixed)


def test_detector_steps() -> None:
    m, peak, e = RNG.uniform(0, 50, 8), RNG.uniform(0, 3, 8), np.exp(LOG_ES)
    start, fixed = np.arange(8), (LOG_ES * 2**32).astype(np.int64)
    for threshold in (1.0, 1e6):
        same(sr.step_linear, m, e, 0.5, threshold)
        same(sr.step, m, fixed, 0.5, threshold)
        same(sr.step_dated, m, peak, start, e, 0.5, threshold, 9)
        same(sr.step_slots, np.tile(m, (2, 2, 1)), np.tile(e, (2, 2, 1)), np.ones(2), threshold, np.zeros((2, 2), bool))
    same(sr.advance, m, e, 0.5)
    same(sr.evidence, m)
    same(sr.carrier, m)
    same(sr.step_sum, m, fixed, 0.5)
    same(sr.note_starts, peak, start, e, 0.5, 9)
    same(e_bounded.log_row, e, fixed)


def test_bounds() -> None:
    same(baseline_bound.upper_bound, XS, 0.01)
    same(baseline_bound.lower_bound, XS, 0.01)
    same(baseline_bound.fit_stakes, XS, 0.01)
    for values in (XS, np.round(XS), XS[:0]):
        same(baseline_bound.count_hits, values)
        same(baseline_bound.mean_bounds, values, 0.01)
        same(baseline_bound.session_rate_bounds, values, 0.01)
    for hits in (0, 3, 40):
        same(clopper_pearson.tail_probability, 40, min(hits, 39), 0.3)
        same(clopper_pearson.rate_upper_bound, 40, hits, 0.01)
        same(clopper_pearson.rate_lower_bound, 40, hits, 0.01)


def test_rollout_tests() -> None:
    shares = verdict.equal_shares(2, 3)
    log_es = RNG.normal(4.0, 2.0, (2, 3))
    for d in (-1.0, -0.2, 0.0, 0.05, 1.0):
        same(two_sample.add_pair, d, 0.05, STAKES, STAKES, SUMS[0, 0], SUMS[0, 1])
        same(two_sample.harm, abs(d), bets.DOWN)
    same(mixture.mixture_log_e, SUMS[0, 0])
    same(verdict.log_e_table, SUMS, np.array([[True, False, True], [True, True, True]]))
    same(verdict.find_harmful, log_es, log_es[0], shares, 0.5, 0.05)
    same(verdict.pool_sums, SUMS, np.array([[True, False, True], [True, True, True]]))
    same(verdict.split_shares, shares, 0.5)
    same(verdict.split_shares, shares[:1], 0.5)
    same(verdict.find_non_inferior, log_es, 0.05)
    same(closed_test.reject_by_share, log_es[0], shares[0], 0.05)
    same(closed_test.reject_closed, log_es[0], shares[0], 0.05)
    same(closed_test.share_limit, 0.0, 0.05)
    for share in (0.0, 0.1, 0.5, 1.0):
        same(sample_ratio.add_session, True, share, SUMS[1, 1])
        same(sample_ratio.add_session, False, share, SUMS[1, 1])
    same(sample_ratio.ratio_log_e, SUMS[0, 0])


def test_what_is_compiled_has_its_source_beside_it() -> None:
    def double(x: float) -> float:
        return 2.0 * x

    assert pure(double) is double
    assert pure(compiled(double)) is double or pure(compiled(double))(2.0) == 4.0
