"""Exact confidence bounds of a rate from binary observations, compiled: no logarithm, so the same everywhere."""

from homeostat.detectors.compiled import compiled

CELLS = 1 << 20
"""Bounds lie on the grid of 2⁻²⁰, rounded away from the sample."""


@compiled
def tail_probability(n: int, hits: int, rate: float) -> float:
    """Give P(Binomial(n, rate) ≤ hits) for 0 ≤ hits < n and hits/n ≤ rate ≤ 1; a value below 1e-300 may come as 0.

    The term at `hits` is a product taken in an order that leaves it near 1 as long as it can; the terms below it follow
    by their ratios. The relative error is at most about n·2⁻⁵².

    >>> round(tail_probability(10, 0, 0.1), 6), round(tail_probability(4, 2, 0.5), 6)
    (0.348678, 0.6875)
    """
    rest = 1.0 - rate
    if rate <= 0.0 or rest <= 0.0:
        return 1.0 if rate <= 0.0 else 0.0
    term, misses = 1.0, n - hits
    for i in range(1, hits + 1):
        term *= (n - hits + i) / i * rate
        while term > 1.0 and misses > 0:
            term *= rest
            misses -= 1
    for _ in range(misses):
        term *= rest
    total = term
    for j in range(hits, 0, -1):
        if term == 0.0:
            break
        term *= j * rest / ((n - j + 1) * rate)
        total += term
    return total


@compiled
def rate_upper_bound(n: int, hits: int, delta: float) -> float:
    """Give U with P(rate > U) ≤ δ: the least rate on the grid of 2⁻²⁰ with P(Binomial(n, U) ≤ hits) ≤ δ.

    1 for hits ≥ n, n = 0 included. Guarantee: when each of n observations is 1 with a probability of at least p given
    the past, the number of hits is stochastically no smaller than Binomial(n, p), so P(U < p) ≤ δ; no smaller bound of
    the hits alone has that. Conditions: n does not depend on the values; the observations are 0 or 1 (of a session's
    mean see `baseline_bound`). Units: a rate. Raises nothing: 0 ≤ hits and 0 < δ < 1 are the caller's.
    Source: Clopper and Pearson, 'The use of confidence or fiducial limits illustrated in the case of the binomial'
    (1934).

    >>> round(rate_upper_bound(200, 20, 0.025), 4)
    0.1502
    """
    if hits >= n:
        return 1.0
    low, high = hits * CELLS // n, CELLS
    while high - low > 1:
        middle = (low + high) // 2
        if tail_probability(n, hits, middle / CELLS) <= delta:
            high = middle
        else:
            low = middle
    return high / CELLS


@compiled
def rate_lower_bound(n: int, hits: int, delta: float) -> float:
    """Give L with P(rate < L) ≤ δ: 1 − the upper bound of the misses; 0 for hits = 0. Same conditions.

    >>> round(rate_lower_bound(200, 20, 0.025), 4)
    0.0622
    """
    return 1.0 - rate_upper_bound(n, n - hits, delta)
