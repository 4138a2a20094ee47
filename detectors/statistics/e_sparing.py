"""Stakes of bets on a rate that win no more than an alarm needs: what would overshoot is not put at risk."""

import math

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

_MARGIN = 1.0 + 1e-9


@compiled
def spare_stakes(
    m: Floats, w: float, table: Floats, weights: Floats, group: int, threshold: float, out: Floats
) -> None:
    """Shrink e_k = 1 + λ_k(x − m_k) in `out` (float64 [K]) to 1 + s(e_k − 1) where the next 1, or 0, would alarm.

    T = Σ π_k(M_k + w) and S(x) = Σ π_k(M_k + w)e_k(x), of each null's bets, `group` in number. Where S(1) ≥ A for every
    null (or S(0) for every one): s = (A − T)/(S(1) − T), held to [0, 1], so that a 1 leads to A and not beyond it, and
    a 0 costs less. `table` holds stakes and null means (float64 [2, K]); `threshold` is A.
    Null and guarantee: those of `e_linear`, as s·λ_k is known before x. With values 0 and 1 an alarm never comes later
    for it; a session's mean between them may come to lie below A where it lay above.
    Source: Fischer and Ramdas, 'Improving the (approximate) sequential probability ratio test by avoiding overshoot'
    (2024).

    >>> import numpy as np
    >>> out, table = np.array([0.5]), np.array([[1.0], [0.5]])
    >>> spare_stakes(np.array([9.0]), 1.0, table, np.ones(1), 1, 12.0, out); round(float(out[0]), 6)
    0.8
    """
    for win in range(2):
        least = math.inf
        for first in range(0, out.shape[0], group):
            total = 0.0
            for k in range(first, first + group):
                total += weights[k] * (m[k] + w) * (1.0 + table[0, k] * (win - table[1, k]))
            least = min(least, total)
            if least < threshold:
                break
        if least >= threshold:
            for first in range(0, out.shape[0], group):
                _shrink(m, w, table, weights, (first, first + group), win, threshold, out)


@compiled
def _shrink(
    m: Floats, w: float, table: Floats, weights: Floats, bets: tuple[int, int], win: int, threshold: float, out: Floats
) -> None:
    """Shrink the e-values of one null's bets, from the first to before the last, so that `win` leads to A."""
    now, then = 0.0, 0.0
    for k in range(bets[0], bets[1]):
        part = weights[k] * (m[k] + w)
        now += part
        then += part * (1.0 + table[0, k] * (win - table[1, k]))
    if then > now:
        share = min(max((threshold * _MARGIN - now) / (then - now), 0.0), 1.0)
        for k in range(bets[0], bets[1]):
            out[k] = 1.0 + share * (out[k] - 1.0)
