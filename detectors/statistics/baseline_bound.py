"""Confidence bounds of a baseline's mean: an estimated baseline is part of the null."""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound, rate_upper_bound

_STEPS = 20
_FACTORS = 16
_CAP = 31 / 32
_FIXED_STAKES: Floats = np.array([9 / 16, 9 / 32])
_FIXED_WEIGHT = 1 / 8
_FITTED_WEIGHT = 3 / 4
_PRIOR_VALUES = 2.0
_PRIOR_VARIANCE = 1 / 16


@compiled
def fit_stakes(values: Floats, delta: float) -> Floats:
    """Give the stakes λ_t = √(2 ln(1/δ)/(n·s²_{t−1})) (float64 [n]), each from the values before it.

    s²: mean square distance from the running mean, as if two values of variance 1/16 had come first.

    >>> fit_stakes(np.full(2, 0.5), math.exp(-1.0)).round(3).tolist()
    [4.0, 4.899]
    """
    count, total, squares = _PRIOR_VALUES, _PRIOR_VALUES / 2.0, _PRIOR_VALUES * _PRIOR_VARIANCE
    budget = 2.0 * math.log(1.0 / delta) / max(values.shape[0], 1)
    out = np.empty(values.shape[0])
    for t in range(values.shape[0]):
        out[t] = math.sqrt(budget * count / squares)
        count += 1.0
        total += values[t]
        squares += (values[t] - total / count) ** 2
    return out


@compiled
def _log_capital(values: Floats, fitted: Floats, mean: float) -> float:
    """Log of the mixture capital against 'the mean is at least `mean`', 0 ≤ mean < 1: see `upper_bound`.

    Logs are taken of products of 16 factors, which lie between 2⁻⁵ and 2²¹ each.
    """
    bets = _FIXED_STAKES.shape[0]
    logs, products = np.zeros(bets + 1), np.ones(bets + 1)
    room = 1.0 - mean
    for i in range(values.shape[0]):
        gap = values[i] - mean
        for k in range(bets):
            products[k] *= 1.0 - _FIXED_STAKES[k] * gap / room
        products[bets] *= 1.0 - min(fitted[i], _CAP / room) * gap
        if i % _FACTORS == _FACTORS - 1:
            _take_logs(products, logs)
    _take_logs(products, logs)
    top = float(logs.max())
    total = _FITTED_WEIGHT * math.exp(logs[bets] - top)
    for k in range(bets):
        total += _FIXED_WEIGHT * math.exp(logs[k] - top)
    return float(top + math.log(total))


@compiled
def _take_logs(products: Floats, logs: Floats) -> None:
    """Move the logs of products into their sums; the products are 1 again."""
    for k in range(logs.shape[0]):
        logs[k] += math.log(products[k])
        products[k] = 1.0


@compiled
def _last_below_mean(values: Floats, cells: int) -> int:
    """The cell below the sample's mean, which is not rejected whatever the capital says; −1 for no values."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
    return math.floor(total / values.shape[0] * cells) - 1 if values.shape[0] else -1


@compiled
def _least_rejected(values: Floats, fitted: Floats, needed: float, cells: int) -> int:
    """The least cell above the sample's mean whose log capital reaches `needed`.

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
        gap = _log_capital(values, fitted, cell / cells) - needed
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

    U = the least m on the grid of 2⁻²⁰, not below the sample's mean, at which the capital
    ¾ Π_t (1 − min(λ_t, c/(1 − m))·(x_t − m)) + ⅛ Σ_{k=1,2} Π_t (1 − c_k(x_t − m)/(1 − m)) is at least 1/δ; c = 31/32,
    c_k = 9/16 and 9/32, λ_t of `fit_stakes`. Each factor is positive and rises with m, so the capital does.
    Guarantee: while the conditional mean is at least m each factor has a mean of at most 1 given the past, as λ_t knows
    only the values before it, so P(capital ≥ 1/δ) ≤ δ (Markov, with the product's mean at most 1). No assumption on
    the variance or the distribution. Conditions: n does not depend on the values (λ_t knows n). 1 when no m is
    rejected: always for n = 0; for few values the bound is wide, never wrong. Units: those of the values.
    Source: Waudby-Smith and Ramdas (2023), the predictable plug-in of section 4, mixed with fixed stakes.

    >>> upper_bound(np.zeros(0), 0.01), round(upper_bound(np.full(200, 0.5), 0.01), 3)
    (1.0, 0.513)
    """
    if values.shape[0] == 0:
        return 1.0
    fitted = fit_stakes(values, delta)
    return _least_rejected(values, fitted, -math.log(delta), 1 << _STEPS) / (1 << _STEPS)


@compiled
def lower_bound(values: Floats, delta: float) -> float:
    """Give L with P(mean < L) ≤ δ: 1 − `upper_bound` of 1 − x; 0 for n = 0. Same conditions.

    >>> lower_bound(np.zeros(0), 0.01), round(lower_bound(np.full(200, 0.5), 0.01), 3)
    (0.0, 0.487)
    """
    return 1.0 - upper_bound(1.0 - values, delta)


@compiled
def mean_bounds(values: Floats, delta: float) -> tuple[float, float]:
    """Give (`lower_bound`, `upper_bound`): each misses the mean with a probability of at most δ.

    >>> [round(bound, 3) for bound in mean_bounds(np.full(200, 0.5), 0.01)]
    [0.487, 0.513]
    """
    return lower_bound(values, delta), upper_bound(values, delta)


@compiled
def count_hits(values: Floats) -> int:
    """Give how many values are 1 when all are 0 or 1, −1 otherwise; 0 for none.

    >>> count_hits(np.array([0.0, 1.0, 1.0])), count_hits(np.array([0.0, 0.5]))
    (2, -1)
    """
    hits = 0
    for i in range(values.shape[0]):
        if values[i] != 0.0 and values[i] != 1.0:
            return -1
        hits += 1 if values[i] == 1.0 else 0
    return hits


@compiled
def session_rate_bounds(values: Floats, delta: float) -> tuple[float, float]:
    """Give (L, U) of a binary signal's rate from sessions' means of 0s and 1s (float64 [n]): each misses at most δ.

    Exact bounds (`clopper_pearson`) at δ/2 where all values are 0 or 1, otherwise those by betting at δ/2. Which of
    them is used is seen in the values, so each has half of δ: P(miss) ≤ P(the exact one misses, all are 0 or 1) + P(the
    other misses) ≤ δ. The first term is at most δ/2 even if sessions are means: with a = P(x = 1) ≤ p and
    b = P(x = 0) ≤ 1 − p, P(all 0 or 1, at most k hits) = Σ_{j ≤ k} C(n, j)·aʲ·bⁿ⁻ʲ ≤ P(Binomial(n, p) ≤ k).
    Same conditions as `upper_bound`; (0, 1) for n = 0.

    >>> low, high = session_rate_bounds(np.array([0.0] * 180 + [1.0] * 20), 1e-4)
    >>> round(low, 3), round(high, 3), round(upper_bound(np.array(([0.0] * 9 + [1.0]) * 20), 1e-4), 3)
    (0.036, 0.206, 0.229)
    """
    hits, n = count_hits(values), values.shape[0]
    if n > 0 and hits < 0:
        return mean_bounds(values, delta / 2.0)
    return rate_lower_bound(n, hits, delta / 2.0), rate_upper_bound(n, hits, delta / 2.0)
