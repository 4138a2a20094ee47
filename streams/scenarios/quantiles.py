"""From standard normal numbers to a signal's usual values, by kind."""

import numpy as np
from scipy import special, stats

from homeostat.schemas.signal import Kind, SignalSpec
from homeostat.streams.scenarios.sessions import Floats

_GRID = np.linspace(-5.0, 5.0, 2001)
_PARTS = special.ndtr(_GRID)


def to_values(z: Floats, spec: SignalSpec, mean: float, sd: float) -> Floats:
    """Values with that mean and sd: beta between low and high, log-normal, or (negative) binomial counts.

    A mean at an end of the range, or an sd of 0, gives the mean. An sd that the range does not allow is cut down.
    """
    if sd <= 0:
        return np.full(z.shape, mean)
    if spec.kind is Kind.COUNT:
        return _to_counts(z, max(mean, 1e-9), sd)
    if spec.kind is Kind.POSITIVE or spec.high - spec.low > 1.0:
        shape = np.log1p((sd / (mean - spec.low)) ** 2) if mean > spec.low else 0.0
        values: Floats = spec.low + (mean - spec.low) * np.exp(np.sqrt(shape) * z - shape / 2)
        return values
    width = spec.high - spec.low
    place = (mean - spec.low) / width
    if not 0 < place < 1:
        return np.full(z.shape, mean)
    weight = max(0.2, place * (1 - place) * (width / sd) ** 2 - 1)
    table = stats.beta.ppf(_PARTS, place * weight, (1 - place) * weight)
    scaled: Floats = spec.low + width * np.interp(z, _GRID, table)
    return scaled


def to_binary(z: Floats, chance: Floats) -> Floats:
    """1 with that chance, the more likely the higher z."""
    ones: Floats = (special.ndtr(z) > 1.0 - chance).astype(np.float64)
    return ones


def to_normal(chance: Floats) -> Floats:
    """The standard normal quantile of chances, kept away from 0 and 1."""
    quantile: Floats = special.ndtri(np.clip(chance, 1e-6, 1 - 1e-6))
    return quantile


def _to_counts(z: Floats, mean: float, sd: float) -> Floats:
    if sd * sd <= mean * 1.0001:
        table = stats.poisson.cdf(np.arange(int(mean + 12 * np.sqrt(mean) + 12)), mean)
    else:
        size = mean * mean / (sd * sd - mean)
        table = stats.nbinom.cdf(np.arange(int(mean + 20 * sd + 12)), size, size / (size + mean))
    counts: Floats = np.searchsorted(table, special.ndtr(z)).astype(np.float64)
    return counts
