"""The oracle: CUSUM that knows both distributions, with the level that gives it the declared run length."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

NEVER = -1
_HALVINGS = 40


@compiled
def first_crossing(scores: Floats, level: float) -> int:
    """Index at which CUSUM of log-likelihood ratios, from 0, reaches its level; `NEVER` if it does not."""
    total = 0.0
    for i in range(scores.shape[0]):
        total = max(total, 0.0) + scores[i]
        if total >= level:
            return i
    return NEVER


@compiled
def count_crossings(scores: Floats, level: float) -> int:
    """How often CUSUM crosses in a row of scores, beginning at 0 after each time."""
    total, crossings = 0.0, 0
    for i in range(scores.shape[0]):
        total = max(total, 0.0) + scores[i]
        if total >= level:
            total = 0.0
            crossings += 1
    return crossings


def calibrate_level(scores: Floats, run_length: float) -> float:
    """The least level whose mean run length over a long row of null scores is at least `run_length`."""
    wanted = scores.size / run_length
    low, high = 0.0, 2.0 * float(np.log(run_length)) + 20.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if count_crossings(scores, middle) > wanted:
            low = middle
        else:
            high = middle
    return high
