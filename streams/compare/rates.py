"""Rates of error with exact intervals: a share of replicates, and a number a week."""

from dataclasses import dataclass
from typing import Final

from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound, rate_upper_bound
from homeostat.detectors.statistics.poisson_interval import mean_lower_bound, mean_upper_bound

CONFIDENCE: Final = 0.95
_SIDE: Final = (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class Rate:
    """`hits` in `size` (replicates, or weeks), the rate, and its two-sided interval at `CONFIDENCE`."""

    hits: int
    size: float
    rate: float
    low: float
    high: float


def share_of(hits: int, replicates: int) -> Rate | None:
    """The share of replicates (Clopper and Pearson); None without any."""
    if not replicates:
        return None
    low, high = rate_lower_bound(replicates, hits, _SIDE), rate_upper_bound(replicates, hits, _SIDE)
    return Rate(hits, replicates, hits / replicates, low, high)


def per_week(hits: int, weeks: float) -> Rate | None:
    """The number a week (Garwood: exact if events come as a Poisson process); None without time."""
    if weeks <= 0:
        return None
    low, high = mean_lower_bound(hits, _SIDE) / weeks, mean_upper_bound(hits, _SIDE) / weeks
    return Rate(hits, weeks, hits / weeks, low, high)
