"""Bounds of a baseline: they cover, they order, they are wide rather than wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from homeostat.detectors.statistics.baseline_bound import lower_bound, upper_bound
from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound, rate_upper_bound


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(1e-6, 0.2))
def test_bounds_enclose_the_sample_mean_and_widen_with_confidence(values: list[float], delta: float) -> None:
    x = np.array(values)
    low, high = lower_bound(x, delta), upper_bound(x, delta)
    assert 0.0 <= low <= high <= 1.0
    if values:
        assert low <= x.mean() <= high
    assert upper_bound(x, delta / 10.0) >= high
    assert low == pytest.approx(1.0 - upper_bound(1.0 - x, delta))


@pytest.mark.parametrize("draw", ["beta", "rare"])
def test_coverage_at_a_stopping_time_chosen_by_looking(draw: str) -> None:
    """The bound is sealed when it looks lowest among three lengths: it still misses at most δ of the time."""
    rng = np.random.default_rng(3)
    delta, trials, misses = 0.1, 100, 0
    for _ in range(trials):
        x = rng.beta(2, 8, 100) if draw == "beta" else (rng.random(100) < 0.05).astype(float)
        mean = 0.2 if draw == "beta" else 0.05
        misses += min(upper_bound(x[:n], delta) for n in (25, 50, 100)) < mean
    assert misses <= delta * trials + 3 * (delta * (1 - delta) * trials) ** 0.5


def test_small_variance_is_used() -> None:
    narrow = 0.5 + 0.02 * np.sin(np.arange(200.0))
    wide = np.tile([0.0, 1.0], 100)
    assert upper_bound(narrow, 1e-4) - 0.5 < 0.4 * (upper_bound(wide, 1e-4) - 0.5)


def test_all_ones_have_no_upper_bound_below_one() -> None:
    assert upper_bound(np.ones(50), 0.01) == 1.0
    assert lower_bound(np.zeros(50), 0.01) == 0.0


@given(st.integers(0, 300), st.data())
def test_clopper_pearson_is_the_beta_quantile(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    for delta in (1e-4, 0.025):
        exact = 1.0 if hits == n else special.betaincinv(hits + 1, n - hits, 1.0 - delta)
        assert rate_upper_bound(n, hits, delta) == pytest.approx(exact, abs=1e-9)
        low = 0.0 if hits == 0 else special.betaincinv(hits, n - hits + 1, delta)
        assert rate_lower_bound(n, hits, delta) == pytest.approx(low, abs=1e-9)


@pytest.mark.parametrize(("n", "hits", "delta"), [(5, 6, 0.1), (5, -1, 0.1), (5, 2, 0.0), (5, 2, 1.0)])
def test_impossible_counts_are_refused(n: int, hits: int, delta: float) -> None:
    with pytest.raises(ValueError, match="hits"):
        rate_upper_bound(n, hits, delta)
