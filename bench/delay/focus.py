"""FOCuS: the exact generalised likelihood ratio over all starts and sizes of a change from a known baseline.

max over s ≤ t and θ of Σ_{s<i≤t} ln f_θ(x_i)/f_0(x_i) = max over s of n·KL(mean of s+1…t ‖ baseline). Only vertices
of the convex minorant (up) or majorant (down) of the cumulative sums can be the best start, so few are kept.
Sources: Romano, Eckley, Fearnhead, Rigaill (2023); Ward, Dilillo, Eckley, Fearnhead, 'Poisson-FOCuS' (2024).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled

Floats = NDArray[np.float64]
GAUSSIAN, BERNOULLI, POISSON = range(3)
NEVER = -1
_KEPT = 4096


class Family(NamedTuple):
    """An exponential family with a known baseline mean, Gaussian with deviation 1; `sign` 1 up, −1 down, 0 both."""

    code: int
    mean: float
    sign: int


@compiled
def _gain(family: Family, mean: float) -> float:
    """KL(mean ‖ baseline) of one observation in nats."""
    base = family.mean
    if family.code == GAUSSIAN:
        return (mean - base) ** 2 / 2.0
    if family.code == POISSON:
        return (mean * math.log(mean / base) if mean > 0.0 else 0.0) - mean + base
    rest = 1.0 - mean
    return (mean * math.log(mean / base) if mean > 0.0 else 0.0) + (
        rest * math.log(rest / (1.0 - base)) if rest > 0.0 else 0.0
    )


@compiled
def _side(xs: Floats, family: Family, sign: int, level: float, restart: bool) -> tuple[int, int]:
    """Run one side: (index of the first crossing or `NEVER`, number of crossings)."""
    times, sums = np.empty(_KEPT), np.empty(_KEPT)
    times[0], sums[0], kept = 0.0, 0.0, 1
    total, first, crossings = 0.0, NEVER, 0
    for i in range(xs.shape[0]):
        now = float(i + 1)
        total += sign * xs[i]
        best = 0.0
        for j in range(kept):
            length = now - times[j]
            mean = sign * (total - sums[j]) / length
            if sign * (mean - family.mean) > 0.0:
                best = max(best, length * _gain(family, mean))
        if best >= level:
            crossings += 1
            if first == NEVER:
                first = i
            if not restart:
                return first, crossings
            kept = 0
        while kept > 1 and (sums[kept - 1] - sums[kept - 2]) * (now - times[kept - 1]) >= (total - sums[kept - 1]) * (
            times[kept - 1] - times[kept - 2]
        ):
            kept -= 1
        if kept > 0 and total - sums[kept - 1] <= sign * family.mean * (now - times[kept - 1]):
            kept -= 1
            while kept > 0 and total - sums[kept - 1] <= sign * family.mean * (now - times[kept - 1]):
                kept -= 1
        times[kept], sums[kept] = now, total
        kept += 1
    return first, crossings


def first_crossing(xs: Floats, family: Family, level: float) -> int:
    """Index at which the statistic reaches its level, or `NEVER`."""
    sides = (1, -1) if family.sign == 0 else (family.sign,)
    found = [side for side in (_side(xs, family, sign, level, False)[0] for sign in sides) if side != NEVER]
    return min(found, default=NEVER)


def calibrate_level(xs: Floats, family: Family, run_length: float) -> float:
    """The level whose mean run length over a long row of null values is `run_length` (both sides: added)."""
    sides = (1, -1) if family.sign == 0 else (family.sign,)
    low, high = 0.5 * math.log(run_length), 2.0 * math.log(run_length)
    for _ in range(10):
        middle = (low + high) / 2.0
        crossings = sum(_side(xs, family, sign, middle, True)[1] for sign in sides)
        if crossings > xs.size / run_length:
            low = middle
        else:
            high = middle
    return high
