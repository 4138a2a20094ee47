"""When a ring of recent values changed its mean: the most likely split and a likelihood interval around it."""

import math
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import Floats

_DROP = 1.92
_LEAST_SPREAD = 1e-12


class Onset(NamedTuple):
    """Index of the first value after the change, the earliest and latest that fit nearly as well, and both means."""

    start: int
    earliest: int
    latest: int
    before: float
    after: float


def date_change(ring: Floats) -> Onset | None:
    """Date one change of mean in values of equal variance (float64 [n], oldest first); None for fewer than four.

    Profile log-likelihood l(s) = −(n/2)·ln(RSS(s)/n), RSS about the means before and from s; the interval holds every
    s with l(s) ≥ max − 1.92 (the χ² 95 % drop, a description and not a guarantee: the data were selected by an alarm).
    It dates a change that something else established: it always names some split. Raises `ValueError` on nan.
    Source: Hinkley, 'Inference about the change-point in a sequence of random variables' (1970).

    >>> date_change(np.array([0.1, 0.2, 0.1, 0.8, 0.9, 0.8]))[:3]
    (3, 3, 3)
    """
    n = ring.size
    if n < 4:
        return None
    if np.isnan(ring).any():
        raise ValueError("nan in a ring: an undefined value is left out")
    splits = np.arange(1, n)
    sums = np.cumsum(ring)[:-1]
    total = float(ring.sum())
    between = sums**2 / splits + (total - sums) ** 2 / (n - splits)
    spread = np.maximum(float((ring**2).sum()) - between, _LEAST_SPREAD)
    likelihood = -0.5 * n * np.log(spread / n)
    best = int(np.argmax(likelihood))
    near = np.flatnonzero(likelihood >= likelihood[best] - _DROP)
    index = int(splits[best])
    before, after = math.fsum(ring[:index]) / index, math.fsum(ring[index:]) / (n - index)
    return Onset(index, int(splits[near[0]]), int(splits[near[-1]]), before, after)
