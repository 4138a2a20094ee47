"""River where it is shown, merged or asked: moments as `river.stats`, and ADWIN on a ring to date an onset."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from river import drift, stats

from homeostat.detectors.fixed_point import Floats, mean_and_variance

# River publishes ADWIN without types.
_ADWIN: Callable[..., Any] = drift.ADWIN


class Corroboration(NamedTuple):
    """What ADWIN says of a ring of recent values, oldest first.

    `drifts`: how often it cut; `width`: values it still takes for one distribution; `onset`: index in the ring where
    that window begins, None without a cut; `before` and `after`: means on both sides of it, nan without a cut.
    """

    drifts: int
    width: int
    onset: int | None
    before: float
    after: float


def as_mean(n: int, total: int) -> stats.Mean:
    """Build a `river.stats.Mean` from a count and a sum at 2⁻²⁰; the empty one for n = 0.

    >>> as_mean(2, 3 * 2**20).get()
    1.5
    """
    mean = mean_and_variance(n, total, (0, 0))[0]
    return stats.Mean() if n == 0 else stats.Mean._from_state(n, mean)


def as_variance(n: int, total: int, squares: tuple[int, int]) -> stats.Var:
    """Build a `river.stats.Var` (ddof 1) from a count, a sum at 2⁻²⁰ and squares (hi, lo) at 2⁻⁴⁰.

    Agrees with `Var` fed value by value to the last digits; two add up with River's own `+`. Empty for n = 0.

    >>> as_variance(2, 2**20, (0, 2**40)).get()
    0.5
    """
    if n == 0:
        return stats.Var()
    mean, variance = mean_and_variance(n, total, squares)
    return stats.Var._from_state(n, mean, 0.0 if math.isnan(variance) else variance)


def corroborate(ring: Floats, delta: float = 0.002) -> Corroboration:
    """Feed a ring of values (float64 [n], oldest first) to a fresh ADWIN and say whether and where it cuts.

    ADWIN's δ is a confidence per test and not a run length: its cut supports and dates an alarm that the e-process
    raised, and decides nothing. Empty ring: no cut. Raises `ValueError` on nan.
    Source: Bifet and Gavaldà, 'Learning from time-changing data with adaptive windowing' (2007).

    >>> import numpy as np
    >>> found = corroborate(np.concatenate([np.zeros(200), np.ones(100)])); found.drifts > 0, found.after
    (True, 1.0)
    """
    adwin = _ADWIN(delta=delta)
    drifts = 0
    for value in ring.tolist():
        if math.isnan(value):
            raise ValueError("nan in a ring: an undefined value is left out")
        adwin.update(value)
        drifts += adwin.drift_detected
    width = int(adwin.width)
    if not drifts or not 0 < width < ring.size:
        return Corroboration(drifts, width, None, math.nan, math.nan)
    onset = ring.size - width
    return Corroboration(drifts, width, onset, float(ring[:onset].mean()), float(ring[onset:].mean()))
