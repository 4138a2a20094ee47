"""A confidence sequence of candidate − control, from nothing but a guardrail's sums of log-e at its tolerance.

For a bet λ at tolerance τ, 1 − λ(d − τ) = (1 − λ(m − τ))·(1 − μ(d − m)) with μ = λ/(1 − λ(m − τ)), so the sum at τ
gives the log-e against any other null 'the mean is at least m': Σ ln(1 − λ(d − τ)) − n·ln(1 − λ(m − τ)), and the
same with the other sign. The means that no mixture has rejected at 1/δ are a confidence sequence: it holds for every
n at once, so it may be looked at any time. Its upper end at δ is below the tolerance exactly when the guardrail is
non-inferior at δ. Source: Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting' (2023).
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
    up, down = guard_stakes(tolerance)
    needed = math.log(2.0 / delta)

    def at_most(mean: float) -> float:
        return _shift(harmful, 1.0 + up * (mean - tolerance), pairs)

    def at_least(mean: float) -> float:
        return _shift(non_inferior, 1.0 - down * (mean - tolerance), pairs)

    return -_bisect(lambda m: at_most(-m) >= needed), _bisect(lambda m: at_least(m) >= needed)


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
