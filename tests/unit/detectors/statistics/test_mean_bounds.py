"""The interval of a companion's mean covers what it says it does, about, and is narrow enough to be of use."""

import numpy as np
import pytest

from homeostat.detectors.statistics.mean_bounds import bound_mean

REPEATS = 4000


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("a", "b"), [(2.0, 8.0), (5.0, 5.0), (1.0, 9.0)])
def test_coverage_of_bounded_values(n: int, a: float, b: float) -> None:
    rng = np.random.default_rng(7)
    bounds = [bound_mean(rng.beta(a, b, n), is_binary=False) for _ in range(REPEATS)]
    covered = sum(low <= a / (a + b) <= high for low, high in bounds) / REPEATS
    assert covered >= 0.97


@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_coverage_of_yes_or_no(n: int, share: float) -> None:
    rng = np.random.default_rng(7)
    bounds = [bound_mean((rng.random(n) < share).astype(float), is_binary=True) for _ in range(REPEATS)]
    covered = sum(low <= share <= high for low, high in bounds) / REPEATS
    assert covered >= 0.97


def test_it_is_narrow_enough_to_see_what_an_alarm_sees() -> None:
    values = np.random.default_rng(7).beta(4.0, 12.0, 60)
    low, high = bound_mean(values, is_binary=False)
    assert high - low < 0.08


def test_of_few_values_nothing_is_said() -> None:
    assert bound_mean(np.full(4, 0.5), is_binary=False) == (0.0, 1.0)
    low, high = bound_mean(np.full(5, 0.5), is_binary=False)
    assert 0.0 < low < 0.5 < high < 1.0
