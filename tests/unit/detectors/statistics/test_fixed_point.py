"""Fixed point: exact, saturating, counted, order-free."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import stats

from homeostat.detectors import fixed_point as fp
from homeostat.detectors.statistics.river_bridge import as_mean, as_variance

INT64 = st.integers(-fp.LIMIT, fp.LIMIT)
VALUES = st.integers(-(2**61), 2**61)


@given(st.floats(-1e6, 1e6))
def test_log_e_is_rounded_down_by_less_than_one_unit(log_e: float) -> None:
    error = log_e - fp.decode_log_e(fp.encode_log_e(log_e))
    assert -1e-9 <= error < 2.0**-32 + 1e-9


@given(INT64, INT64)
def test_addition_saturates_like_exact_addition_that_is_held(a: int, b: int) -> None:
    held = max(-fp.LIMIT, min(fp.LIMIT, a + b))
    assert fp.add_saturating(a, b) == held
    assert fp.saturates(a, b) == (held != a + b)


@given(st.lists(VALUES, max_size=20))
def test_sums_of_squares_are_exact_and_forget_the_order(values: list[int]) -> None:
    sums = []
    for order in (values, values[::-1]):
        high, low = 0, 0
        for value in order:
            high, low = fp.add_square(high, low, value)
        sums.append((high, low))
    assert sums[0] == sums[1]
    high, low = sums[0]
    exact = sum(value * value for value in values)
    assert 0 <= low < 2**62
    assert high * 2**62 + low == exact or high == fp.LIMIT


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8))
def test_merging_equals_adding_one_by_one(left: list[int], right: list[int]) -> None:
    def total(values: list[int]) -> tuple[int, int]:
        sums = (0, 0)
        for value in values:
            sums = fp.add_square(*sums, value)
        return sums

    assert fp.merge_squares(total(left), total(right)) == total(left + right)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_moments_agree_with_river(values: list[float]) -> None:
    fixed, held = fp.encode_values(np.array(values))
    assert held == 0
    squares = (0, 0)
    river_variance = stats.Var()
    for value in fixed.tolist():
        squares = fp.add_square(*squares, value)
        river_variance.update(fp.decode_value(value))
    total = int(fixed.sum())
    assert as_mean(len(values), total).get() == pytest.approx(river_variance.mean.get(), rel=1e-12, abs=1e-15)
    built = as_variance(len(values), total, squares)
    assert built.get() == pytest.approx(river_variance.get(), rel=1e-9, abs=1e-13)
    assert (built + built).mean.n == 2 * len(values)


def test_vectors_equal_scalars_and_count_what_they_hold() -> None:
    values = np.array([0.5, -0.25, 1e300, -1e300, 0.1])
    fixed, held = fp.encode_values(values)
    assert fixed.tolist() == [fp.encode_value(float(v)) for v in values]
    assert held == 2
    log_es = np.array([0.1, -3.3, math.inf, -math.inf])
    fixed, held = fp.encode_log_es(log_es)
    assert fixed.tolist() == [fp.encode_log_e(float(v)) for v in log_es]
    assert held == 2


def test_undefined_is_refused_and_not_zero() -> None:
    with pytest.raises(ValueError, match="nan"):
        fp.encode_values(np.array([math.nan]))
    with pytest.raises(ValueError, match="nan"):
        fp.encode_log_es(np.array([math.nan]))
    assert all(math.isnan(v) for v in fp.mean_and_variance(0, 0, (0, 0)))
    assert math.isnan(fp.mean_and_variance(1, 5, (0, 25))[1])
    assert as_mean(0, 0).get() == stats.Mean().get()
    assert as_variance(0, 0, (0, 0)).mean.n == 0
    assert as_variance(1, 2**20, (0, 2**40)).mean.get() == 1.0


def test_rows_count_each_saturated_element() -> None:
    sums = np.array([fp.LIMIT, -fp.LIMIT, 0])
    assert fp.add_rows(sums, np.array([1, -1, 4])) == 2
    assert sums.tolist() == [fp.LIMIT, -fp.LIMIT, 4]
