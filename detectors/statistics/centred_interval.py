"""A confidence sequence of a mean difference from three sums: for signals that inform and do not decide.

x = (d + 1)/2 lies in [0, 1], and about the centre 1/2, which is fixed beforehand, its squares are d²/4: so the bound is
`confidence_sequence.mean_radius`. It is of the running mean of the conditional means: they may change over time, and
differences of several sources may be added up. Centred at no difference, it is narrow where differences are small.
"""

import math

from homeostat.detectors.statistics.confidence_sequence import mean_radius


def centred_interval(count: int, total: float, squares: float, delta: float) -> tuple[float, float]:
    """(lower, upper) of the mean of `count` differences in [−1, 1], each end wrong with a chance of δ/2 for ever.

    `total` is Σ d, `squares` Σ d². (−1, 1) for none. Raises `ValueError` unless 0 < δ < 1.

    >>> [round(end, 3) for end in centred_interval(400, 40.0, 6.0, 0.05)]
    [0.054, 0.146]
    """
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta {delta} is outside (0, 1)")
    if count <= 0:
        return -1.0, 1.0
    mean, radius = total / count, 2.0 * mean_radius(float(count), squares / 4.0, delta / 2.0)
    if not math.isfinite(mean):
        raise ValueError(f"the sum of differences {total} is not finite")
    return max(-1.0, mean - radius), min(1.0, mean + radius)
