"""What tenants' means say of another tenant's: a prediction from between-tenant moments."""

import math
from typing import NamedTuple

from scipy.special import stdtrit


class Predicted(NamedTuple):
    """The mean of tenants' means, and bounds between which another tenant's lies."""

    mean: float
    lower: float
    upper: float


def predict_tenant(tenants: int, total: float, squares: float, least: float, delta: float) -> Predicted:
    """Give bounds that another tenant's mean exceeds on either side with probability δ, if tenants' means are normal.

    From k `tenants` with means m on [0, 1], `total` = Σ m and `squares` = Σ m²: m̄ ∓ c·s·√(1 + 1/k), with s² = (Σ m² −
    k·m̄²)/(k − 1) and c the 1 − δ quantile of Student's t with k − 1 degrees of freedom, so that few tenants give wide
    bounds; never nearer to m̄ than `least`, and held to [0, 1]. s² holds the noise of the tenants' own references as
    well, which widens the bounds. Raises ValueError for fewer than two tenants.
    Source: prediction interval of a normal sample; Higgins, Thompson, Spiegelhalter, 'A re-evaluation of random-effects
    meta-analysis' (2009).

    >>> [round(x, 3) for x in predict_tenant(4, 1.2, 0.3624, 0.01, 0.01)]
    [0.3, 0.16, 0.44]
    """
    if tenants < 2:
        raise ValueError(f"{tenants} tenants say nothing of how tenants differ")
    mean = total / tenants
    variance = max(0.0, squares - tenants * mean * mean) / (tenants - 1)
    quantile = float(stdtrit(tenants - 1, 1.0 - delta))
    half = max(least, quantile * math.sqrt(variance * (1.0 + 1.0 / tenants)))
    return Predicted(mean, max(0.0, mean - half), min(1.0, mean + half))
