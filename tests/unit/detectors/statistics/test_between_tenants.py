"""Bounds for a tenant that was not seen hold as often as declared, whatever the number of tenants."""

import numpy as np
import pytest
from scipy.special import stdtrit

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.between_tenants import predict_tenant

TRIALS = 20_000


def predict(means: Floats, least: float, delta: float) -> Floats:
    """Predict from tenants' means [trial, tenant]."""
    count = np.full(len(means), float(means.shape[1]))
    return predict_tenant(count, means.sum(axis=1), (means**2).sum(axis=1), np.full(len(means), least), delta)


@pytest.mark.parametrize("tenants", [3, 4, 10, 100])
def test_another_tenant_lies_beyond_a_bound_as_often_as_declared(tenants: int) -> None:
    delta, random = 0.02, np.random.default_rng(tenants)
    means = random.normal(0.5, 0.01, (TRIALS, tenants + 1))
    found = predict(means[:, :-1], 0.0, delta)
    above, below = (means[:, -1] > found[:, 2]).mean(), (means[:, -1] < found[:, 1]).mean()
    error = 4.0 * np.sqrt(delta / TRIALS)
    assert abs(above - delta) < error
    assert abs(below - delta) < error


def test_bounds_are_no_tighter_than_asked_and_stay_in_the_unit_interval() -> None:
    found = predict(np.full((1, 50), 0.1), 0.25, 1e-4)
    assert found[0].tolist() == pytest.approx([0.1, 0.0, 0.35])
    wide = predict(np.array([[0.1, 0.9, 0.5]]), 0.01, 1e-4)
    assert wide[0, 1:].tolist() == [0.0, 1.0]


def test_the_factor_is_students() -> None:
    means = np.array([[0.2, 0.3, 0.4, 0.3]])
    half = stdtrit(3, 0.99) * means.std(ddof=1) * np.sqrt(1.25)
    assert predict(means, 0.0, 0.01)[0].tolist() == pytest.approx([0.3, max(0.0, 0.3 - half), 0.3 + half])
