"""An exact interval for a share of yes among a few verdicts."""

import math
from collections.abc import Callable

_HALVINGS = 60


def share_interval(hits: int, n: int, delta: float = 0.05) -> tuple[float, float]:
    """Give (low, high) with P(the share is outside) ≤ δ for a fixed n; (0, 1) for n = 0.

    low solves P(X ≥ hits) = δ/2 and high solves P(X ≤ hits) = δ/2 for X ~ Binomial(n, share).
    Source: Clopper and Pearson, Biometrika 26 (1934).

    >>> low, high = share_interval(0, 16); low, round(high, 3)
    (0.0, 0.206)
    """
    low = 0.0 if hits == 0 else _solve(lambda share: 1.0 - _at_most(hits - 1, n, share) < delta / 2)
    high = 1.0 if hits == n else _solve(lambda share: _at_most(hits, n, share) >= delta / 2)
    return low, high


def _at_most(hits: int, n: int, share: float) -> float:
    return math.fsum(math.comb(n, k) * share**k * (1.0 - share) ** (n - k) for k in range(hits + 1))


def _solve(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low
