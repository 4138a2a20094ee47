"""Bounds for a tenant that was not seen hold as often as declared, whatever the number of tenants."""

import numpy as np
import pytest
from scipy.special import ndtr, stdtrit

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.between_tenants import predict_tenant

TRIALS, DELTA, TOLERANCE = 20_000, 1e-4, 0.005


def predict(means: Floats, tolerance: float, delta: float) -> Floats:
    """Predict from tenants' means [trial, tenant]."""
    count = np.full(len(means), float(means.shape[1]))
    return predict_tenant(count, means.sum(axis=1), (means**2).sum(axis=1), np.full(len(means), tolerance), delta)


def beyond(tenants: int, deviation: float) -> float:
    """The probability that another tenant's mean lies above the upper bound and the tolerance."""
    means = np.random.default_rng(tenants).normal(0.5, deviation, (TRIALS, tenants))
    upper = predict(means, TOLERANCE, DELTA)[:, 2]
    return float(ndtr((0.5 - upper - TOLERANCE) / deviation).mean())


@pytest.mark.parametrize("tenants", [3, 4, 5, 10, 30, 100])
@pytest.mark.parametrize("deviation", [0.5 * TOLERANCE, TOLERANCE, 2.0 * TOLERANCE])
def test_another_tenant_is_beyond_as_seldom_as_declared(tenants: int, deviation: float) -> None:
    assert beyond(tenants, deviation) < DELTA


@pytest.mark.parametrize("tenants", [30, 100])
def test_with_many_tenants_the_bound_is_not_wider_than_need_be(tenants: int) -> None:
    means = np.random.default_rng(tenants).normal(0.5, 2 * TOLERANCE, (TRIALS, tenants))
    upper = predict(means, TOLERANCE, DELTA)[:, 2]
    assert 0.5 * DELTA < ndtr((0.5 - upper) / (2 * TOLERANCE)).mean() < 2.0 * DELTA


def test_bounds_are_no_tighter_than_the_tolerance_and_stay_in_the_unit_interval() -> None:
    found = predict(np.full((1, 50), 0.1), 0.25, 0.4)
    assert found[0].tolist() == pytest.approx([0.1, 0.0, 0.35])
    wide = predict(np.array([[0.1, 0.9, 0.5]]), 0.01, 1e-4)
    assert wide[0, 1:].tolist() == [0.0, 1.0]


def test_the_factor_is_students_with_the_declared_prior() -> None:
    means = np.array([[0.2, 0.3, 0.4, 0.3]])
    deviation = np.sqrt((4 * 0.05**2 + 3 * means.var(ddof=1)) / 7)
    half = stdtrit(7, 0.99) * deviation * np.sqrt(1.25)
    assert predict(means, 0.05, 0.01)[0].tolist() == pytest.approx([0.3, 0.3 - half, 0.3 + half])
