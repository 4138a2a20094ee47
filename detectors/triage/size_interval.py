"""A time-uniform interval for a mean of bounded values, from the mean and the count alone."""

import math

_HALVINGS = 50
_LOG_PI = math.log(math.pi)


def log_evidence(mean: float, n: int, against: float) -> float:
    """Log of the mixture e-value against the mean `against` (0 < against < 1), for n values in [0, 1] of mean `mean`.

    log[B(s + ½, n − s + ½) / B(½, ½)] − s·log μ − (n − s)·log(1 − μ), s = n·mean: the likelihood ratio of Bernoulli(p)
    to Bernoulli(μ) mixed over p ~ Beta(½, ½). (p/μ)^x·((1 − p)/(1 − μ))^(1 − x) is convex in x, so its mean under
    mean μ is at most 1 for values in [0, 1] too.
    """
    s, misses = n * mean, n * (1 - mean)
    mixed = math.lgamma(s + 0.5) + math.lgamma(misses + 0.5) - math.lgamma(n + 1) - _LOG_PI
    return mixed - s * math.log(against) - misses * math.log1p(-against)


def mean_interval(mean: float, n: int, delta: float = 0.05) -> tuple[float, float]:
    """Give (low, high) with P(the common conditional mean is ever outside, at any n) ≤ δ; (0, 1) for n = 0.

    The means that the mixture e-value has not rejected at 1/δ (Ville). Where the first observation was chosen by the
    data (an onset), the interval describes selected data.
    Source: Robbins, 'Statistical methods related to the law of the iterated logarithm' (1970).

    >>> low, high = mean_interval(0.5, 100); round(low, 2), round(high, 2)
    (0.34, 0.66)
    """
    if n <= 0:
        return 0.0, 1.0
    return _find_edge(mean, 0.0, n, -math.log(delta)), _find_edge(mean, 1.0, n, -math.log(delta))


def _find_edge(mean: float, end: float, n: int, limit: float) -> float:
    inside, outside = mean, end
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if 0 < middle < 1 and log_evidence(mean, n, middle) <= limit:
            inside = middle
        else:
            outside = middle
    return inside
