"""Each bet is an e-value under the worst of its null, and positive whatever is observed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.fixed_point import Fixed, Floats
from homeostat.detectors.statistics import bets, e_binary, e_bounded, sample_ratio, two_sample
from homeostat.detectors.statistics.mixture import log_mean_exp, mixture_log_e, mixture_log_es

MEANS = st.floats(0.0, 1.0)
DIRECTIONS = st.sampled_from([bets.UP, bets.DOWN])


def bounded_row(x: float, mean: float, direction: int) -> Floats:
    stakes, out = np.empty(8), np.empty(8)
    bets.bounded_stakes(mean, direction, stakes)
    e_bounded.e_bounded(x, mean, direction, stakes, out)
    return out


def binary_row(x: float, mean: float, direction: int) -> Floats:
    hit, miss, out = np.empty(8), np.empty(8), np.empty(8)
    e_binary.binary_rows(mean, direction, hit, miss)
    e_binary.e_binary(x, hit, miss, out)
    return out


@given(MEANS, DIRECTIONS, st.floats(0.0, 1.0), st.booleans())
def test_mean_over_any_two_points_with_the_null_mean_is_at_most_one(
    mean: float, direction: int, other: float, binary: bool
) -> None:
    """Two-point laws with mean exactly m are the extreme points of the null's boundary."""
    row = binary_row if binary else bounded_row
    low, high = min(other, mean), 1.0 if other <= mean else other
    weight = 0.0 if high == low else (mean - low) / (high - low)
    if other > mean:
        low, weight = 0.0, mean / other
    expected = weight * row(high, mean, direction) + (1.0 - weight) * row(low, mean, direction)
    assert np.all(expected <= 1.0 + 1e-6)
    assert np.all(row(high, mean, direction) > 0.0)
    assert np.all(row(low, mean, direction) > 0.0)


@given(st.floats(0.001, 0.999), DIRECTIONS)
def test_harm_raises_every_bet(mean: float, direction: int) -> None:
    harmful = 1.0 if direction == bets.UP else 0.0
    for row in (binary_row, bounded_row):
        assert np.all(row(harmful, mean, direction) > 1.0)
        assert np.all(row(1.0 - harmful, mean, direction) < 1.0)


@given(st.floats(1e-6, 0.999999))
def test_binary_alternatives_are_distinct_ordered_and_below_one(mean: float) -> None:
    out = np.empty(8)
    bets.binary_alternatives(mean, bets.UP, out)
    assert mean < out[0]
    assert np.all(np.diff(out) > 0)
    assert 1.0 - out[-1] >= (1.0 - mean) / 9.0 - 1e-12


@given(st.floats(0.001, 0.5))
def test_binary_alternatives_are_the_sizes_that_they_say(mean: float) -> None:
    out = np.empty(8)
    bets.binary_alternatives(mean, bets.UP, out)
    tangents = np.tan((np.arcsin(np.sqrt(out)) - math.asin(math.sqrt(mean))) / 2.0)
    np.testing.assert_allclose(tangents[1:] / tangents[:-1], (math.tan(0.325) / math.tan(0.02)) ** (1 / 7), rtol=1e-9)
    if mean <= 0.2:
        np.testing.assert_allclose(tangents[[0, -1]], [math.tan(0.02), math.tan(0.325)], rtol=1e-9)


@given(st.floats(0.001, 0.999), DIRECTIONS, st.floats(0.0, 0.5))
def test_bounded_stakes_reach_from_the_cap_to_the_deviation_told(mean: float, direction: int, deviation: float) -> None:
    stakes = np.empty(8)
    bets.bounded_stakes(mean, direction, stakes, deviation)
    cap = 31 / 32 / bets.harmful_mean(mean, direction)
    assert stakes[:3].tolist() == [cap] * 3
    assert np.all(np.diff(stakes[2:]) < 0.0)
    assert cap / 64 <= stakes[7] * (1 + 1e-12)
    if deviation > 0.0:
        assert stakes[7] <= max(0.14 / deviation, cap / 64) * (1 + 1e-12)
        assert stakes[7] >= min(0.07 / deviation, cap / 2) * (1 - 1e-12)
    else:
        assert stakes[7] == pytest.approx(cap / 64)


@pytest.mark.parametrize(("mean", "direction"), [(1.0, bets.UP), (0.0, bets.DOWN)])
def test_a_null_that_covers_everything_is_not_bet_against(mean: float, direction: int) -> None:
    for x in (0.0, 0.5, 1.0):
        assert bounded_row(x, mean, direction).tolist() == [1.0] * 8
        assert binary_row(x, mean, direction).tolist() == [1.0] * 8


@given(st.floats(0.01, 0.99), DIRECTIONS, st.floats(0.0, 1.0))
def test_binary_equals_the_linear_bet_at_both_ends_and_lies_under_it_between(
    mean: float, direction: int, x: float
) -> None:
    ends = [binary_row(end, mean, direction) for end in (0.0, 1.0)]
    assert np.all(binary_row(x, mean, direction) <= (1.0 - x) * ends[0] + x * ends[1] + 1e-9)


@given(st.floats(0.01, 0.99), DIRECTIONS, st.floats(0.0, 1.0))
def test_fixed_point_logs_are_the_logs_rounded_down(mean: float, direction: int, x: float) -> None:
    stakes, row, out, twin = np.empty(8), np.empty(8), np.empty(8, np.int64), np.empty(8, np.int64)
    bets.bounded_stakes(mean, direction, stakes)
    e_bounded.log_e_bounded(x, mean, direction, stakes, out)
    row = bounded_row(x, mean, direction)
    e_bounded.log_row(row, twin)
    np.testing.assert_array_equal(out, twin)
    assert np.all(out / 2**32 <= np.log(row) + 1e-9)
    assert np.all(out / 2**32 > np.log(row) - 1e-9)


@given(st.floats(0.0, 0.5), st.floats(-1.0, 1.0))
def test_pairs_are_e_values_for_both_nulls(tolerance: float, other: float) -> None:
    """d on two points of [−1, 1] with mean exactly at tolerance: the boundary of both nulls."""
    harmful, non_inferior = bets.guard_stakes(tolerance)

    def es(d: float) -> tuple[Floats, Floats]:
        return 1.0 + harmful * (d - tolerance), 1.0 - non_inferior * (d - tolerance)

    low, high = (other, 1.0) if other <= tolerance else (-1.0, other)
    weight = (tolerance - low) / (high - low)
    for up, down in zip(es(high), es(low), strict=True):
        np.testing.assert_allclose(weight * up + (1.0 - weight) * down, 1.0, atol=1e-9)
        assert np.all(up > 0)
        assert np.all(down > 0)


@given(st.lists(st.floats(-1, 1), max_size=30), st.randoms(use_true_random=False))
def test_pairs_in_any_order_give_the_same_sums(ds: list[float], shuffler: object) -> None:
    stakes = bets.guard_stakes(0.05)
    first = two_sample.sum_pairs(np.array(ds), 0.05, *stakes)
    second = two_sample.sum_pairs(np.array(sorted(ds)), 0.05, *stakes)
    np.testing.assert_array_equal(first, second)


def test_a_full_sum_is_held_and_counted() -> None:
    harmful, non_inferior = bets.guard_stakes(0.05)
    up, down = np.full(6, 2**63 - 1), np.zeros(6, np.int64)
    assert two_sample.add_pair(1.0, 0.05, harmful, non_inferior, up, down) == 6
    assert up.tolist() == [2**63 - 1] * 6


@pytest.mark.parametrize("tolerance", [-0.01, 1.0, math.nan])
def test_a_tolerance_out_of_range_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        bets.guard_stakes(tolerance)


@given(st.floats(0.001, 0.999))
def test_ratio_bets_have_mean_one_at_the_share(share: float) -> None:
    rows: list[Fixed] = []
    for is_candidate in (True, False):
        sums = np.zeros(6, np.int64)
        assert sample_ratio.add_session(is_candidate, share, sums) == 0
        rows.append(sums)
    mean = share * np.exp(rows[0] / 2**32) + (1.0 - share) * np.exp(rows[1] / 2**32)
    np.testing.assert_allclose(mean, 1.0, atol=1e-6)


def test_ratio_finds_a_mismatch_and_keeps_quiet_without_one() -> None:
    fair, lost = np.zeros(6, np.int64), np.zeros(6, np.int64)
    for k in range(2000):
        sample_ratio.add_session(k % 2 == 0, 0.5, fair)
        sample_ratio.add_session(k % 5 == 0, 0.5, lost)
    assert sample_ratio.ratio_log_e(fair) < 0.0
    assert sample_ratio.ratio_log_e(lost) > math.log(1e6)
    full = np.full(6, 2**63 - 1)
    assert sample_ratio.add_session(True, 0.5, full) == 3


def test_mixture_is_a_weighted_mean() -> None:
    assert math.isclose(float(np.exp(bets.GUARD_LOG_WEIGHTS).sum()), 1.0)
    es = np.array([8.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    sums = np.floor(np.log(es) * 2**32).astype(np.int64)
    assert math.isclose(math.exp(mixture_log_e(sums)), 8 / 4 + 0.15 * 15, rel_tol=1e-8)
    assert mixture_log_es(np.stack([sums, sums])).tolist() == [mixture_log_e(sums)] * 2
    assert log_mean_exp(np.full(2, -math.inf), np.log([0.5, 0.5])) == -math.inf
