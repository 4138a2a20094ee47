"""Laws of values in [0, 1] whose mean can be set exactly: so that a stream's mean can sit at a monitor's null."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, Floats], Floats]
"""Values of the given means (float64 [n]), one each."""

_LEAST = 1e-6
_TAIL = 1.2
_GRID = np.geomspace(1e-6, 1.0, 200_001)
_GRID_MEANS = (_TAIL * _GRID - _GRID**_TAIL) / (_TAIL - 1.0)
"""Mean of min(1, s·P) for the grid's s, P standard Pareto with tail index 1.2 (which has no variance)."""


class Law(NamedTuple):
    """A column of a stream: what it measures, its mean without a change, its tolerance.

    `about`: the column before it whose distance from its baseline's centre this one is; −1 for a signal of its own.
    """

    name: str
    binary: bool
    mean: float
    tolerance: float
    draw: Draw
    about: int = -1


def draw_binary(rng: np.random.Generator, means: Floats) -> Floats:
    """0 or 1."""
    return (rng.random(means.shape[0]) < means).astype(np.float64)


def beta_of(concentration: float) -> Draw:
    """Beta laws of one concentration κ: standard deviation √(m(1 − m)/(κ + 1))."""

    def draw(rng: np.random.Generator, means: Floats) -> Floats:
        held = np.clip(means, _LEAST, 1.0 - _LEAST)
        return rng.beta(held * concentration, (1.0 - held) * concentration)

    return draw


def draw_pareto(rng: np.random.Generator, means: Floats) -> Floats:
    """Pareto values with tail index 1.2, clipped at 1: the mean is that of the clipped value."""
    scale = np.interp(means, _GRID_MEANS, _GRID)
    return np.minimum(1.0, scale * (1.0 + rng.pareto(_TAIL, means.shape[0])))


def clustered(within: Draw, concentration: float) -> Callable[[np.random.Generator, Floats, NDArray[np.int64]], Floats]:
    """Values whose mean is drawn anew for each cluster, from a beta law of the wanted mean and this concentration."""
    between = beta_of(concentration)

    def draw(rng: np.random.Generator, means: Floats, cluster: NDArray[np.int64]) -> Floats:
        first = np.unique(cluster, return_index=True)[1]
        drawn = between(rng, means[first])
        return within(rng, drawn[np.searchsorted(cluster[first], cluster)])

    return draw


BINARY = Law("binary, rate .1", True, 0.1, 0.05, draw_binary)
WIDE = Law("bounded, mean .3, sd .15", False, 0.3, 0.05, beta_of(0.21 / 0.0225 - 1.0))
TIGHT = Law("bounded, mean .15, sd .05", False, 0.15, 0.05, beta_of(0.1275 / 0.0025 - 1.0))
MAIN = Law("bounded, mean .5, told by its spread", False, 0.5, 0.02, beta_of(8.0))
SPREAD = Law("distance from the mean, mean .1, sd .06", False, 0.1, 0.02, beta_of(0.09 / 0.0036 - 1.0), about=0)
TAILED = Law("Pareto 1.2 clipped at 1, mean .1", False, 0.1, 0.05, draw_pareto)
TAILED_LOW = Law("Pareto 1.2 clipped at 1, mean .02", False, 0.02, 0.02, draw_pareto)
