"""The e-value of an embedding: its projection on where the recent ones have moved from the frozen ones."""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

_MOST_SCORE = 6.0


@compiled
def whiten(x: Floats, axes: int, params: Floats, out: Floats) -> None:
    """Write y = W(x − c) (float64 [axes]); `params` holds c [d], then W row by row [axes · d], at its offset 3.

    >>> out = np.empty(1); whiten(np.array([3.0]), 1, np.array([0.0, 0.0, 0.0, 1.0, 0.5]), out); out.tolist()
    [1.0]
    """
    width = x.shape[0]
    for a in range(axes):
        total = 0.0
        for i in range(width):
            total += params[3 + width + a * width + i] * (x[i] - params[3 + i])
        out[a] = total


@compiled
def e_sketch(x: Floats, params: Floats, table: Floats, memory: Floats, out: Floats) -> None:
    """Write e_k = exp(μ_k(s − b) − μ_k²v/2), s = min(⟨r, y⟩/|r|, 6): y the sketch, r the rolling mean before it.

    `params`: axes q, bound b, variance proxy v, then `whiten`'s. `table` float64 [2, K]: sizes μ_k and the keep ratio
    of the rolling mean each bet looks along. `memory` float64 [rates · q], one rolling mean a rate, in the order in
    which rates first appear; equal neighbouring ratios share it. A rolling mean of 0 gives no bet, e = 1.
    Null: given the past, y is sub-Gaussian about a mean of length at most b with variance proxy v in every direction:
    E exp(μ⟨u, y⟩) ≤ exp(μb + μ²v/2) for unit u. r is known before y and the hold at 6 only lowers e, so each e has
    mean at most 1.
    Source: Ramdas, Grünwald, Vovk, Shafer (2023); the predictable direction: Podkopaev and Ramdas, 'Sequential
    predictive two-sample and independence testing' (2023).

    >>> params, memory, out = np.array([1.0, 0.0, 1.0, 0.0, 1.0]), np.zeros(1), np.empty(1)
    >>> table = np.array([[1.0], [0.5]])
    >>> e_sketch(np.array([2.0]), params, table, memory, out); out.tolist(), memory.tolist()
    ([1.0], [1.0])
    >>> e_sketch(np.array([2.0]), params, table, memory, out); round(float(out[0]), 4)
    4.4817
    """
    axes = int(params[0])
    y = np.empty(axes)
    whiten(x, axes, params, y)
    group, score, length = -1, 0.0, 0.0
    for k in range(out.shape[0]):
        if k == 0 or table[1, k] != table[1, k - 1]:
            group += 1
            score, length = _look_along(memory[group * axes : (group + 1) * axes], y, table[1, k])
            score = min(score, _MOST_SCORE)
        size = table[0, k]
        out[k] = math.exp(size * (score - params[1]) - size * size * params[2] / 2.0) if length > 0.0 else 1.0


@compiled
def _look_along(rolling: Floats, y: Floats, keep_ratio: float) -> tuple[float, float]:
    """Give (⟨r, y⟩/|r|, |r|), then fold y into r; (0, 0) for r = 0."""
    inner, square = 0.0, 0.0
    for a in range(y.shape[0]):
        inner += rolling[a] * y[a]
        square += rolling[a] * rolling[a]
        rolling[a] = keep_ratio * rolling[a] + (1.0 - keep_ratio) * y[a]
    length = math.sqrt(square)
    return (inner / length if length > 0.0 else 0.0), length
