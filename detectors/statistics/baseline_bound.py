"""Confidence bounds of a baseline's mean by betting: an estimated baseline is part of the null."""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.bets import BOUNDED_FRACTIONS

_STEPS = 20
_FACTORS = 16


@compiled
def _log_capital(values: Floats, mean: float) -> float:
    """Log of the mixture capital (1/K) Σ_k Π_i (1 − λ_k(x_i − m)), λ_k = c_k/(1 − m): evidence for 'mean below m'.

    Logs are taken of products of 16 factors, which lie between 2⁻⁵ and 2²¹ each.
    """
    bets = BOUNDED_FRACTIONS.shape[0]
    logs, products = np.zeros(bets), np.ones(bets)
    for i in range(values.shape[0]):
        gap = (values[i] - mean) / (1.0 - mean)
        for k in range(bets):
            products[k] *= 1.0 - BOUNDED_FRACTIONS[k] * gap
        if i % _FACTORS == _FACTORS - 1:
            _take_logs(products, logs)
    _take_logs(products, logs)
    top = float(logs.max())
    total = 0.0
    for k in range(bets):
        total += math.exp(logs[k] - top)
    return float(top + math.log(total / bets))


@compiled
def _take_logs(products: Floats, logs: Floats) -> None:
    """Move the logs of products into their sums; the products are 1 again."""
    for k in range(logs.shape[0]):
        logs[k] += math.log(products[k])
        products[k] = 1.0


@compiled
def _last_below_mean(values: Floats, cells: int) -> int:
    """A cell that is surely not rejected, as factors have a mean of at most 1 there; −1 for no values."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
    return math.floor(total / values.shape[0] * cells) - 1 if values.shape[0] else -1


@compiled
def _least_rejected(values: Floats, needed: float, cells: int) -> int:
    """The least cell whose log capital reaches `needed`, between two cells that lie on either side of it.

    Each question reads all values, so the next cell to ask is where the straight line through both ends crosses (the
    Illinois form of false position: an end that stays twice counts half); a third of bisection's questions.
    """
    low, high = _last_below_mean(values, cells), cells
    below, above = -needed, 0.0
    stayed = 0
    while high - low > 1:
        cell = (low + high) // 2
        if above > 0.0:
            cell = min(max(low + math.floor((high - low) * below / (below - above)), low + 1), high - 1)
        elif high == cells:
            cell = low + max(1, min((high - low) // 2, math.ceil(cells * needed / (2.0 * values.shape[0]))))
        gap = _log_capital(values, cell / cells) - needed
        if gap >= 0.0:
            high, above = cell, gap
            below, stayed = (below / 2.0 if stayed > 0 else below), 1
        else:
            low, below = cell, gap
            above, stayed = (above / 2.0 if stayed < 0 else above), -1
    return high


@compiled
def upper_bound(values: Floats, delta: float) -> float:
    """Give U with P(mean > U) ≤ δ for session values in [0, 1] (float64 [n]) that share one conditional mean.

    U = the least m on the grid of 2⁻²⁰ with (1/K) Σ_k Π_i (1 − λ_k(x_i − m)) ≥ 1/δ, λ_k = c_k/(1 − m): each factor is
    (1 − c) + c(1 − x)/(1 − m), so the capital rises with m. 1 when no m is rejected:
    always for n = 0; for few values the bound is wide, never wrong.
    Valid at a fixed n, and at any stopping time as well (the capital is a supermartingale under the null: Ville),
    so a reference may be sealed when it is long enough. No assumption on the variance or the distribution.
    Source: Waudby-Smith and Ramdas (2023), with a fixed grid of bets.

    >>> upper_bound(np.zeros(0), 0.01), round(upper_bound(np.full(200, 0.5), 0.01), 2)
    (1.0, 0.52)
    """
    if values.shape[0] == 0:
        return 1.0
    return _least_rejected(values, -math.log(delta), 1 << _STEPS) / (1 << _STEPS)


@compiled
def lower_bound(values: Floats, delta: float) -> float:
    """Give L with P(mean < L) ≤ δ: 1 − `upper_bound` of 1 − x; 0 for n = 0. Same conditions.

    >>> lower_bound(np.zeros(0), 0.01), round(lower_bound(np.full(200, 0.5), 0.01), 2)
    (0.0, 0.48)
    """
    return 1.0 - upper_bound(1.0 - values, delta)
