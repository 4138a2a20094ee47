"""Bets that win no more than an alarm needs: what would overshoot the threshold is bet on what does not reach it."""

import math

import numpy as np

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


@compiled
def boost_cells(
    m: Floats, w: float, table: Floats, weights: Floats, null: Floats, most: Floats, threshold: float, out: Floats
) -> None:
    """Raise e_k in `out` (float64 [K]) to b·e_k, b ≥ 1, where a cell would lead beyond the threshold.

    S(c) = Σ π_k(M_k + w)·e_k(c); b is such that Σ_c p(c)·min(b·S(c), A) = Σ_c p(c)·S(c): what lies above A is of no use
    to an alarm. `table` float64 [cell, K], `null` p [cell], `most` the largest e of each bet [K], `threshold` A.
    Null: that of `e_table`; where the columns rise with the cell, min(b·S, A) does too, so the stochastic order is
    covered as well. Guarantee: while the null holds, evidence counted up to A has no larger a mean than without b.
    An alarm never comes later for it. Source: Fischer and Ramdas (2024).

    >>> import numpy as np
    >>> out, table = np.array([0.5]), np.array([[0.5], [1.5]])
    >>> boost_cells(np.array([9.0]), 1.0, table, np.ones(1), np.array([0.5, 0.5]), np.array([1.5]), 12.0, out)
    >>> round(float(out[0]), 6)
    0.8
    """
    reach = 0.0
    for k in range(out.shape[0]):
        reach += weights[k] * (m[k] + w) * most[k]
    if reach <= threshold:
        return
    sums = np.zeros(null.shape[0])
    for c in range(null.shape[0]):
        for k in range(out.shape[0]):
            sums[c] += weights[k] * (m[k] + w) * table[c, k]
    factor = _raise_to(sums, null, threshold)
    for k in range(out.shape[0]):
        out[k] *= factor


@compiled
def _raise_to(sums: Floats, null: Floats, threshold: float) -> float:
    """The factor b of `boost_cells`, a trifle less; 1 where nothing lies above the threshold, or all does."""
    wanted = 0.0
    for c in range(null.shape[0]):
        wanted += null[c] * sums[c]
    factor = 1.0
    for _ in range(null.shape[0]):
        over, rest = 0.0, 0.0
        for c in range(null.shape[0]):
            if factor * sums[c] >= threshold:
                over += null[c]
            else:
                rest += null[c] * sums[c]
        higher = (wanted - threshold * over) / rest if rest > 0.0 else factor
        if higher <= factor:
            break
        factor = higher
    return max(factor / _MARGIN, 1.0)
