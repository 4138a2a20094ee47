"""The e-value of an observation that falls into a cell: a table of likelihood ratios, made once, looked up for ever."""

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats


@compiled
def find_cell(x: float, edges: Floats) -> int:
    """Give the number of edges at or below x: cell 0 is below all edges (ascending float64, any length).

    >>> find_cell(0.5, np.array([0.5, 1.0])), find_cell(0.4, np.array([0.5, 1.0])), find_cell(9.0, np.zeros(0))
    (1, 0, 0)
    """
    low, high = 0, edges.shape[0]
    while low < high:
        middle = (low + high) // 2
        if edges[middle] <= x:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def e_table(x: float, edges: Floats, table: Floats, out: Floats) -> None:
    """Write e_k = q_k(c)/p(c) for the cell c of x into `out` (float64 [K]) from `table` float64 [cell, K].

    Null: the cell of x given the past has the probabilities p the table was made for, or, for columns that rise with
    the cell, probabilities that are stochastically no larger (an expectation of a rising function is then no larger).
    Guarantee: mean Σ_c p(c)·q_k(c)/p(c) = Σ q_k ≤ 1. Source: Ramdas, Grünwald, Vovk, Shafer (2023), section 2.

    >>> out = np.empty(1); e_table(0.9, np.array([0.5]), np.array([[0.5], [2.0]]), out); out.tolist()
    [2.0]
    """
    cell = find_cell(x, edges)
    for k in range(out.shape[0]):
        out[k] = table[cell, k]


def ratios(alternatives: Floats, null: Floats) -> Floats:
    """Give e-values float64 [cell, K] of alternatives [K, cell] against null probabilities [cell]; rounded down.

    A cell that the null holds impossible has e = 1e100 (the cap of evidence) where an alternative allows it, else 0.
    Rows of alternatives that sum to more than 1 by rounding are scaled down, so the mean stays at most 1.

    >>> ratios(np.array([[0.25, 0.75]]), np.array([0.5, 0.5])).tolist()
    [[0.5], [1.5]]
    """
    sums = np.maximum(alternatives.sum(axis=1, keepdims=True), 1.0)
    scaled = alternatives / sums
    safe = np.where(null > 0.0, null, 1.0)
    return np.ascontiguousarray(np.where(null > 0.0, scaled / safe, np.where(scaled > 0.0, 1e100, 0.0)).T)
