"""What tenants' means say of another tenant's: a prediction from between-tenant moments."""

from typing import Final

import numpy as np
from scipy.special import stdtrit

from homeostat.detectors.fixed_point import Floats

PRIOR_TENANTS: Final = 4.0
"""As if so many degrees of freedom more had shown tenants that differ by the tolerance."""


def predict_tenant(tenants: Floats, totals: Floats, squares: Floats, tolerance: Floats, delta: float) -> Floats:
    """Give (mean, lower, upper) [column, 3] of another tenant's mean; beyond a bound and the tolerance it seldom lies.

    From k `tenants` (at least 2) with means m in [0, 1], `totals` Σ m and `squares` Σ m² (all float64 [column]):
    m̄ ∓ c·s·√(1 + 1/k), s² = (ν·t² + Σ m² − k·m̄²)/(ν + k − 1) with ν = 4 and t the tolerance, c the 1 − δ quantile of
    Student's t with ν + k − 1 degrees of freedom; never nearer to m̄ than t, and held to [0, 1]. So few tenants give
    wide bounds, and three that happen to be alike no narrow ones.
    If tenants' means are normal with a deviation of at most 2t, another's lies beyond a bound and t with probability δ
    at most (computed for k = 3 to 100 and δ = 5e-5); with 5t that is up to 50 δ at k = 3, and 1.3 δ at k = 30.
    s² has the noise of the tenants' own references in it, which widens the bounds.
    Source: prediction interval of a normal sample; the variance moderated as by Smyth, 'Linear models and empirical
    Bayes methods' (2004), with a prior that is declared, not estimated.

    >>> m = np.array([0.25, 0.35, 0.27, 0.33])
    >>> sums = [np.array([x]) for x in (4.0, m.sum(), (m * m).sum())]
    >>> predict_tenant(*sums, np.array([0.05]), 0.01).round(3).tolist()
    [[0.3, 0.136, 0.464]]
    """
    mean = totals / tenants
    degrees = PRIOR_TENANTS + tenants - 1.0
    variance = (PRIOR_TENANTS * tolerance**2 + np.maximum(0.0, squares - totals * mean)) / degrees
    reach = stdtrit(degrees, 1.0 - delta) * np.sqrt(variance * (1.0 + 1.0 / tenants))
    half = np.maximum(tolerance, reach)
    return np.stack([mean, np.maximum(0.0, mean - half), np.minimum(1.0, mean + half)], axis=-1)
