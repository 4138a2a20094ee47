"""A 99 % interval for a mean of few bounded values: Student's t, or Wilson's where they are yes or no."""

import math
from typing import Final

from homeostat.detectors.fixed_point import Floats

_Z: Final = 2.5758293035489004
"""The standard normal's quantile at .995."""
_FEW: Final = 5
"""With fewer values nothing is said: (0, 1)."""


def bound_mean(values: Floats, is_binary: bool) -> tuple[float, float]:
    """Give (low, high) within [0, 1] around the mean of `values` (float64[n] in [0, 1]); (0, 1) for n < 5.

    Yes or no: Wilson (1927), (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n). Else mean ± t·√(s²/n + 1/4n³), t of
    n − 1 degrees by Cornish and Fisher's expansion; the last term keeps values that are all alike from being certain.
    The level is approximate (normal theory), and for a time that was chosen beforehand. An interval that holds for any
    distribution (empirical Bernstein) is ±.28 wide at n = 50, and says nothing of the changes that an alarm notices.

    >>> import numpy as np
    >>> [round(end, 3) for end in bound_mean(np.zeros(40), is_binary=True)]
    [0.0, 0.142]
    """
    n = len(values)
    if n < _FEW:
        return 0.0, 1.0
    mean = math.fsum(values.tolist()) / n
    if is_binary:
        return bound_share(mean, n)
    return bound_moments(mean, math.fsum(((values - mean) ** 2).tolist()) / (n - 1), n)


def bound_moments(mean: float, variance: float, n: int, z: float = _Z) -> tuple[float, float]:
    """Give Student's interval of a mean of n values in [0, 1] with this sample variance; (0, 1) for n < 5.

    `z` is the standard normal's quantile of the level: 99 % unless it is given.

    >>> [round(end, 3) for end in bound_moments(0.5, 0.01, 100)]
    [0.474, 0.526]
    """
    if n < _FEW:
        return 0.0, 1.0
    half = _student(n - 1, z) * math.sqrt(variance / n + 1 / (4 * n**3))
    return max(0.0, mean - half), min(1.0, mean + half)


def bound_share(mean: float, n: int, z: float = _Z) -> tuple[float, float]:
    """Give Wilson's interval of a share of n; (0, 1) for n < 5. `z` as for `bound_moments`.

    >>> [round(end, 3) for end in bound_share(0.1, 100)], bound_share(0.0, 4)
    ([0.046, 0.204], (0.0, 1.0))
    """
    if n < _FEW:
        return 0.0, 1.0
    middle, spread = mean + z**2 / (2 * n), z * math.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - spread) / (1 + z**2 / n)), min(1.0, (middle + spread) / (1 + z**2 / n))


def _student(degrees: int, z: float) -> float:
    """Student's quantile: z + (z³ + z)/4ν + (5z⁵ + 16z³ + 3z)/96ν² (Abramowitz and Stegun, 26.7.5)."""
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
