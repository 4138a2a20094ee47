"""Exact confidence bounds of a Poisson mean from one count."""

import math

_HALVINGS = 80


def mean_upper_bound(count: int, delta: float) -> float:
    """Give U with P(mean > U) ≤ δ: the mean at which P(Poisson(U) ≤ count) = δ.

    Raises `ValueError` unless count ≥ 0 and 0 < δ < 1. Source: Garwood, 'Fiducial limits for the Poisson distribution'
    (1936).

    >>> round(mean_upper_bound(0, 0.05), 3), round(mean_upper_bound(5, 0.025), 3)
    (2.996, 11.668)
    """
    _check(count, delta)
    return _find(count, math.log(delta))


def mean_lower_bound(count: int, delta: float) -> float:
    """Give L with P(mean < L) ≤ δ: the mean at which P(Poisson(L) ≥ count) = δ; 0 for no event.

    >>> round(mean_lower_bound(5, 0.025), 3), mean_lower_bound(0, 0.025)
    (1.623, 0.0)
    """
    _check(count, delta)
    return 0.0 if count == 0 else _find(count - 1, math.log1p(-delta))


def _check(count: int, delta: float) -> None:
    if count < 0 or not 0.0 < delta < 1.0:
        raise ValueError(f"need count >= 0 and 0 < delta < 1, got count={count}, delta={delta}")


def _log_tail(count: int, mean: float) -> float:
    """Log of P(Poisson(mean) ≤ count), mean > 0, summed from the largest term."""
    terms = [j * math.log(mean) - mean - math.lgamma(j + 1) for j in range(count + 1)]
    top = max(terms)
    return top + math.log(math.fsum(math.exp(term - top) for term in terms))


def _find(count: int, log_tail: float) -> float:
    """The mean at which P(Poisson(mean) ≤ count) has this log; it falls as the mean grows."""
    low, high = 0.0, 1.0
    while _log_tail(count, high) > log_tail:
        low, high = high, 2.0 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        if _log_tail(count, middle) > log_tail:
            low = middle
        else:
            high = middle
    return high
