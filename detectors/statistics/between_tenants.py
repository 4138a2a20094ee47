"""What tenants' means say of another tenant's: a prediction from between-tenant moments."""

import numpy as np
from scipy.special import stdtrit

from homeostat.detectors.fixed_point import Floats


def predict_tenant(tenants: Floats, totals: Floats, squares: Floats, least: Floats, delta: float) -> Floats:
    """Give (mean, lower, upper) [column, 3]: another tenant's mean lies beyond a bound with probability δ.

    From k `tenants` (at least 2) with means m in [0, 1], `totals` Σ m and `squares` Σ m² (all float64 [column]):
    m̄ ∓ c·s·√(1 + 1/k), with s² = (Σ m² − k·m̄²)/(k − 1) and c the 1 − δ quantile of Student's t with k − 1 degrees of
    freedom, so that few tenants give wide bounds; never nearer to m̄ than `least`, and held to [0, 1]. It holds if
    tenants' means are normal. s² has the noise of the tenants' own references in it, which widens the bounds.
    Source: prediction interval of a normal sample; Higgins, Thompson, Spiegelhalter, 'A re-evaluation of random-effects
    meta-analysis' (2009).

    >>> m = np.array([0.25, 0.35, 0.27, 0.33])
    >>> sums = [np.array([x]) for x in (4.0, m.sum(), (m * m).sum())]
    >>> predict_tenant(*sums, np.array([0.01]), 0.01).round(3).tolist()
    [[0.3, 0.058, 0.542]]
    """
    mean = totals / tenants
    variance = np.maximum(0.0, squares - totals * mean) / (tenants - 1.0)
    reach = stdtrit(tenants - 1.0, 1.0 - delta) * np.sqrt(variance * (1.0 + 1.0 / tenants))
    half = np.maximum(least, reach)
    return np.stack([mean, np.maximum(0.0, mean - half), np.minimum(1.0, mean + half)], axis=-1)
