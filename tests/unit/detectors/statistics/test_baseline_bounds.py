"""Bounds of a baseline: they cover, they order, they are wide rather than wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.baseline_bound import (
    count_hits,
    lower_bound,
    mean_bounds,
    session_rate_bounds,
    upper_bound,
)
from homeostat.detectors.statistics.clopper_pearson import CELLS, rate_lower_bound, rate_upper_bound, tail_probability


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(1e-6, 0.2))
def test_bounds_enclose_the_sample_mean_and_widen_with_confidence(values: list[float], delta: float) -> None:
    x = np.array(values)
    low, high = lower_bound(x, delta), upper_bound(x, delta)
    assert 0.0 <= low <= high <= 1.0
    if values:
        assert low <= x.mean() <= high
    assert upper_bound(x, delta / 10.0) >= high
    assert low == pytest.approx(1.0 - upper_bound(1.0 - x, delta))


@pytest.mark.parametrize("law", ["beta", "rare", "thirds", "skewed"])
@pytest.mark.parametrize("bounds", [mean_bounds, session_rate_bounds])
def test_each_side_misses_at_most_delta(law: str, bounds: Callable[[Floats, float], tuple[float, float]]) -> None:
    """Laws that bounds of small samples often fail on: rare hits, means of a few, a spike with a far tail."""
    rng, delta, trials = np.random.default_rng(3), 0.1, 200
    draws: dict[str, tuple[Callable[[], Floats], float]] = {
        "beta": (lambda: rng.beta(2, 8, 60), 0.2),
        "rare": (lambda: (rng.random(60) < 0.05).astype(float), 0.05),
        "thirds": (lambda: rng.binomial(3, 0.02, 60) / 3, 0.02),
        "skewed": (lambda: np.where(rng.random(60) < 0.04, 0.9, 0.1), 0.132),
    }
    draw, mean = draws[law]
    found = np.array([bounds(draw(), delta) for _ in range(trials)])
    most = delta * trials + 3 * (delta * (1 - delta) * trials) ** 0.5
    assert (found[:, 1] < mean).sum() <= most
    assert (found[:, 0] > mean).sum() <= most


def test_a_rate_of_0s_and_1s_is_exact_and_narrower_than_by_betting() -> None:
    values = np.array(([0.0] * 9 + [1.0]) * 20)
    low, high = session_rate_bounds(values, 1e-4)
    assert (low, high) == (rate_lower_bound(200, 20, 5e-5), rate_upper_bound(200, 20, 5e-5))
    bet_low, bet_high = mean_bounds(values, 1e-4)
    assert bet_low < low < high < bet_high
    values[0] = 0.5
    assert count_hits(values) == -1
    assert session_rate_bounds(values, 1e-4) == mean_bounds(values, 5e-5)
    assert session_rate_bounds(np.zeros(0), 1e-4) == (0.0, 1.0)


def test_small_variance_is_used() -> None:
    narrow = 0.5 + 0.02 * np.sin(np.arange(200.0))
    wide = np.tile([0.0, 1.0], 100)
    assert upper_bound(narrow, 1e-4) - 0.5 < 0.4 * (upper_bound(wide, 1e-4) - 0.5)


def test_all_ones_have_no_upper_bound_below_one() -> None:
    assert upper_bound(np.ones(50), 0.01) == 1.0
    assert lower_bound(np.zeros(50), 0.01) == 0.0


@given(st.integers(0, 512), st.data())
def test_clopper_pearson_is_the_beta_quantile_rounded_away(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    for delta in (1e-6, 1e-4, 0.025):
        exact = 1.0 if hits == n else special.betaincinv(hits + 1, n - hits, 1.0 - delta)
        assert exact - 1e-9 <= rate_upper_bound(n, hits, delta) <= exact + 1 / CELLS + 1e-9
        low = 0.0 if hits == 0 else special.betaincinv(hits, n - hits + 1, delta)
        assert low + 1e-9 >= rate_lower_bound(n, hits, delta) >= low - 1 / CELLS - 1e-9


@given(st.integers(1, 2000), st.floats(0.0, 1.0), st.data())
def test_tail_probability_is_the_binomial_one(n: int, rate: float, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, min(n - 1, int(n * rate))))
    assert tail_probability(n, hits, rate) == pytest.approx(stats.binom.cdf(hits, n, rate), rel=1e-9, abs=1e-290)
