"""A confidence sequence of a mean from three sums: what a baseline may still learn after it was sealed.

For x in [0, 1] with conditional mean μ, a centre c in [0, 1] fixed beforehand and 0 < λ < 1,
L_n(λ) = exp(λ·Σ(x_i − μ) − ψ(λ)·Σ(x_i − c)²), ψ(λ) = −ln(1 − λ) − λ, is a supermartingale from 1, and so is a mixture
over λ: with probability 1 − δ it stays under 1/δ for ever, hence μ ≥ c + (Σ(x − c) − (ln(K/δ) + ψ(λ)·Σ(x − c)²)/λ)/n
for every n and each of K values of λ. A bound that holds for ever may be read at any time, and the best so far kept.
Source: Howard, Ramdas, McAuliffe, Sekhon, 'Time-uniform, nonparametric, nonasymptotic confidence sequences' (2021);
Fan, Grama, Liu, 'Exponential inequalities for martingales with applications' (2015), for the factor.
"""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

STAKES: Floats = np.array([0.7, 0.5, 0.35, 0.25, 0.175, 0.125, 0.0875, 0.0625])


@compiled
def mean_radius(count: float, squares: float, delta: float) -> float:
    """Give how far the mean may lie from the average of `count` values on one side, wrong with a chance of δ for ever.

    `squares` is Σ(x − c)². Both sides have the same radius, as 1 − x has the same squares about 1 − c; 1 for no values.

    >>> round(mean_radius(1000.0, 22.5, 1e-4), 3)
    0.031
    """
    if count <= 0.0:
        return 1.0
    radius, needed = 1.0, math.log(STAKES.shape[0] / delta)
    for k in range(STAKES.shape[0]):
        stake = STAKES[k]
        radius = min(radius, (needed + (-math.log1p(-stake) - stake) * squares) / (stake * count))
    return radius
