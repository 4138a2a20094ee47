"""Exact confidence bounds of a rate from independent binary observations."""

import math

_HALVINGS = 60


def _log_tail(n: int, hits: int, rate: float) -> float:
    """Log of P(Binomial(n, rate) ≤ hits), 0 < rate < 1, summed from the largest term."""
    base = math.lgamma(n + 1)
    log_rate, log_rest = math.log(rate), math.log1p(-rate)
    terms = [
        base - math.lgamma(j + 1) - math.lgamma(n - j + 1) + j * log_rate + (n - j) * log_rest for j in range(hits + 1)
    ]
    top = max(terms)
    return top + math.log(math.fsum(math.exp(term - top) for term in terms))


def rate_upper_bound(n: int, hits: int, delta: float) -> float:
    """Give U with P(rate > U) ≤ δ: the rate at which P(Binomial(n, U) ≤ hits) = δ; 1 for hits = n, n = 0 included.

    Valid at an n fixed beforehand only, for independent records: a session's mean of several is not binary, and a
    reference sealed 'when it looks long enough' is not fixed; both use `baseline_bound`.
    Raises `ValueError` unless 0 ≤ hits ≤ n and 0 < δ < 1. Source: Clopper and Pearson (1934).

    >>> round(rate_upper_bound(200, 20, 0.025), 4)
    0.1502
    """
    if not 0 <= hits <= n or not 0.0 < delta < 1.0:
        raise ValueError(f"need 0 <= hits <= n and 0 < delta < 1, got n={n}, hits={hits}, delta={delta}")
    if hits == n:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        if _log_tail(n, hits, middle) <= math.log(delta):
            high = middle
        else:
            low = middle
    return high


def rate_lower_bound(n: int, hits: int, delta: float) -> float:
    """Give L with P(rate < L) ≤ δ: 1 − the upper bound of the misses; 0 for hits = 0.

    >>> round(rate_lower_bound(200, 20, 0.025), 4)
    0.0622
    """
    return 1.0 - rate_upper_bound(n, n - hits, delta)
