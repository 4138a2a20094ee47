"""Cells of a standard normal score: how any continuous baseline is cut, and what is bet against it."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from homeostat.detectors.fixed_point import Floats

_NORMAL = NormalDist()
_REACH = 3.2
SCORES: Floats = np.linspace(-_REACH, _REACH, 33)
"""The 33 edges of 34 cells, .2 standard deviations apart."""


def score_probabilities(shift: float = 0.0, scale: float = 1.0) -> Floats:
    """Give the probabilities of the 34 cells of `SCORES` when the score is normal with this mean and this deviation.

    >>> round(float(score_probabilities().sum()), 12), score_probabilities().size
    (1.0, 34)
    """
    return np.diff(np.array([0.0, *(_NORMAL.cdf((float(z) - shift) / scale) for z in SCORES), 1.0]))


def score_levels() -> Floats:
    """Give Φ at `SCORES`, the levels of the quantiles that cut a baseline, float64 [33].

    >>> float(score_levels()[16])
    0.5
    """
    return np.array([_NORMAL.cdf(float(z)) for z in SCORES])


def scale_of(effect: float, *, wider: bool) -> float:
    """Give the deviation s of a normal score whose size of change from 1 is `effect`: d² = s² − 1 − ln s².

    >>> round(scale_of(0.5, wider=True), 3), round(scale_of(0.5, wider=False), 3)
    (1.372, 0.67)
    """
    low, high = (1.0, 1.0 + 2.0 * effect + effect * effect) if wider else (0.0, 1.0)
    for _ in range(80):
        middle = (low + high) / 2.0
        reached = middle > 0.0 and middle**2 - 1.0 - 2.0 * math.log(middle) < effect * effect
        if reached == wider:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def cut_at(quantiles: Sequence[float], u: float) -> float:
    """Give a value of the cell that holds level u of a baseline cut at 33 ascending quantiles.

    >>> cut_at([float(z) for z in SCORES], 0.5)
    0.0
    """
    cell = int(np.searchsorted(score_levels(), u, side="right"))
    return float(quantiles[0]) / 2.0 if cell == 0 else float(quantiles[cell - 1])
