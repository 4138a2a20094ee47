"""A confidence sequence of candidate − control, from nothing but a guardrail's sums of log-e at its tolerance.

For a bet λ at tolerance τ, 1 − λ(d − τ) = (1 − λ(m − τ))·(1 − μ(d − m)) with μ = λ/(1 − λ(m − τ)), so the sum at τ
gives the log-e against any other null 'the mean is at least m': Σ ln(1 − λ(d − τ)) − n·ln(1 − λ(m − τ)), and the
same with the other sign. The means that no mixture has rejected at 1/δ are a confidence sequence: it holds for every
n at once, so it may be looked at any time. Its upper end at δ is below the tolerance exactly when the guardrail is
non-inferior at δ. Where means differ from pair to pair, it is of their running mean (a product of factors is at most
the power of their mean), so that sums of several cohorts may be added.
Source: Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting' (2023).
"""

import math
from collections.abc import Callable

import numpy as np

from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.bets import GUARD_LOG_WEIGHTS, guard_stakes
from homeostat.detectors.statistics.mixture import log_mean_exp

_HALVINGS = 40


def difference_interval(
    harmful: Fixed, non_inferior: Fixed, pairs: int, tolerance: float, delta: float
) -> tuple[float, float]:
    """(lower, upper) of the mean difference, each end wrong with a chance of δ/2 for ever; (−1, 1) without evidence.

    `harmful` and `non_inferior` are sums of `two_sample`, int64 at 2⁻³² nats, 6 each. Both ends lie in [−1, 1]; lower
    may exceed upper where evidence contradicts itself, which has a chance of δ.

    >>> from homeostat.detectors.statistics.two_sample import sum_pairs
    >>> sums = sum_pairs(np.full(400, 0.1), 0.05, *guard_stakes(0.05))
    >>> [round(end, 3) for end in difference_interval(*sums, 400, 0.05, 0.05)]
    [0.086, 0.112]
    """
    needed = math.log(2.0 / delta)
    lower = -_bisect(lambda m: log_e_above(-m, harmful, pairs, tolerance) >= needed)
    return lower, _bisect(lambda m: log_e_below(m, non_inferior, pairs, tolerance) >= needed)


def log_e_above(mean: float, harmful: Fixed, pairs: int, tolerance: float) -> float:
    """Give the log-e, in nats, against 'the mean difference is at most `mean`' (in [−1, 1]), from the sums at τ."""
    return _shift(harmful, 1.0 + guard_stakes(tolerance)[0] * (mean - tolerance), pairs)


def log_e_below(mean: float, non_inferior: Fixed, pairs: int, tolerance: float) -> float:
    """Give the log-e, in nats, against 'the mean difference is at least `mean`' (in [−1, 1]), from the sums at τ."""
    return _shift(non_inferior, 1.0 - guard_stakes(tolerance)[1] * (mean - tolerance), pairs)


def _shift(sums: Fixed, factors: Floats, pairs: int) -> float:
    return float(log_mean_exp(sums / LOG_E_SCALE - pairs * np.log(factors), GUARD_LOG_WEIGHTS))


def _bisect(is_rejected: Callable[[float], bool]) -> float:
    """The smallest mean in [−1, 1] that is rejected, for a test that rejects every larger one too; 1 for none."""
    if not is_rejected(1.0):
        return 1.0
    low, high = -1.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_rejected(middle) else (middle, high)
    return high
