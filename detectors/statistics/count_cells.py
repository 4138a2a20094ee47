"""Probabilities of counts: Poisson, and negative binomial where counts spread wider than their mean."""

import math

import numpy as np

from homeostat.detectors.fixed_point import Floats

_MOST_CELLS = 64


def count_probabilities(mean: float, dispersion: float, most: int) -> Floats:
    """Give P(x = 0), …, P(x = most) of counts with variance m + φ·m², float64 [most + 1].

    Negative binomial for φ > 0, Poisson for φ = 0; mean 0 is surely 0.

    >>> count_probabilities(1.0, 0.0, 1).round(4).tolist(), count_probabilities(1.0, 1.0, 1).round(4).tolist()
    ([0.3679, 0.3679], [0.5, 0.25])
    """
    logs = np.empty(most + 1)
    if mean <= 0.0:
        logs[0], logs[1:] = 0.0, -math.inf
        return np.exp(logs)
    if dispersion <= 0.0:
        logs[0], steps = -mean, math.log(mean) - np.log(np.arange(1, most + 1))
    else:
        size = 1.0 / dispersion
        logs[0] = -size * math.log1p(dispersion * mean)
        j = np.arange(most)
        steps = np.log((size + j) / (j + 1)) + math.log(dispersion * mean / (1.0 + dispersion * mean))
    logs[1:] = logs[0] + np.cumsum(steps)
    return np.exp(logs)


def cell_edges(mean: float, dispersion: float, most: int) -> Floats:
    """Give the ascending edges of at most 64 cells for counts 0 … most, as half-integers, float64.

    A cell a count while they are few; else cells a constant step apart on the scale √x, the last one open.

    >>> cell_edges(1.0, 0.0, 3).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    if most < _MOST_CELLS:
        return np.arange(0.5, most + 1.0)
    deviation = math.sqrt(mean + dispersion * mean * mean)
    least = max(mean - 5.0 * deviation, 0.0)
    roots = np.linspace(math.sqrt(least), math.sqrt(most), _MOST_CELLS - 1)
    return np.unique(np.floor(roots**2)) + 0.5


def cell_probabilities(mean: float, dispersion: float, edges: Floats) -> Floats:
    """Give the probabilities of the cells between half-integer edges, the last one open: float64 [edges + 1].

    >>> cell_probabilities(1.0, 1.0, np.array([0.5])).tolist()
    [0.5, 0.5]
    """
    each = count_probabilities(mean, dispersion, int(edges[-1] - 0.5))
    below = np.minimum(np.cumsum(each)[(edges - 0.5).astype(np.int64)], 1.0)
    return np.diff(np.concatenate(([0.0], below, [1.0])))


def most_count(mean: float, dispersion: float) -> int:
    """Give a count that is passed with a chance of about 1e-9 at most: mean + 6 deviations and some, by the tail.

    >>> most_count(0.0, 0.0), most_count(1.0, 0.0) < 20
    (0, True)
    """
    if mean <= 0.0:
        return 0
    tail = 6.0 * math.sqrt(mean + dispersion * mean * mean) + 10.0 * (1.0 + dispersion * mean)
    return math.ceil(mean + min(tail, 20.0 * (mean + 1.0)))
