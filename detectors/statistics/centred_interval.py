"""A confidence sequence of a mean difference from three sums: for signals that inform and do not decide.

For d ≥ −1 with conditional mean μ and 0 < λ < 1, exp(λ·d − ψ(λ)·d²) ≤ 1 + λ·d with ψ(λ) = −ln(1 − λ) − λ, so
exp(λ·Σ(d_i − μ_i) − ψ(λ)·Σ d_i²) is a supermartingale from 1, and so is a mixture over λ: both signs give a bound that
holds for every n at once. It is of the running mean of the μ_i, which may change over time, and sums of several sources
may be added. Centred at no difference, it is narrow where differences are small.
Source: Howard, Ramdas, McAuliffe, Sekhon, 'Time-uniform, nonparametric, nonasymptotic confidence sequences' (2021);
Fan, Grama, Liu, 'Exponential inequalities for martingales with applications' (2015), for the factor.
"""

import math

import numpy as np

from homeostat.detectors.fixed_point import Floats

STAKES: Floats = np.array([0.97, 0.9, 0.8, 0.6, 0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
_COSTS: Floats = -np.log1p(-STAKES) - STAKES
_HALVINGS = 40


def centred_interval(count: int, total: float, squares: float, delta: float) -> tuple[float, float]:
    """(lower, upper) of the mean of `count` differences in [−1, 1], each end wrong with a chance of δ/2 for ever.

    `total` is Σ d, `squares` Σ d². (−1, 1) for none. Raises `ValueError` unless 0 < δ < 1.

    >>> [round(end, 3) for end in centred_interval(400, 40.0, 6.0, 0.05)]
    [0.07, 0.13]
    """
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta {delta} is outside (0, 1)")
    if count <= 0:
        return -1.0, 1.0
    mean, radius = total / count, _radius(count, squares, math.log(2.0 * STAKES.shape[0] / delta))
    return max(-1.0, mean - radius), min(1.0, mean + radius)


def _radius(count: int, squares: float, needed: float) -> float:
    """How far the mean may lie from what was seen; 2 where nothing is excluded."""
    low, high = 0.0, 2.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        exponents = STAKES * (count * middle) - _COSTS * squares
        top = float(exponents.max())
        rejected = top + math.log(float(np.exp(exponents - top).sum())) >= needed
        low, high = (low, middle) if rejected else (middle, high)
    return high
