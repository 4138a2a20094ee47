"""The e-value of an observation's randomised rank among its reference and its past: no baseline is assumed."""

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_table import find_cell

_MASK = 0xFFFFFFFF
_UNIT = 2.0**-32


@compiled
def keyed_uniform(key: int, count: int) -> float:
    """Give a number in (0, 1) from a key and a count (both at least 0), the same on every machine: 32 bits.

    Two rounds of the finaliser of MurmurHash3 over the words of both. It breaks ties; it is no secret.

    >>> keyed_uniform(1, 0) == keyed_uniform(1, 0), keyed_uniform(1, 0) == keyed_uniform(2, 0)
    (True, False)
    """
    word = key & _MASK
    for part in (key >> 32, count & _MASK, count >> 32):
        word = ((word ^ part) + 0x9E3779B9) & _MASK
        for _ in range(2):
            word ^= word >> 16
            word = (word * 0x85EBCA6B) & _MASK
            word ^= word >> 13
            word = (word * 0xC2B2AE35) & _MASK
            word ^= word >> 16
    return (word + 0.5) * _UNIT


@compiled
def take_rank(cell: int, counts: Floats, uniform: float) -> float:
    """Give u = (#below + U·(#equal + 1))/(n + 1) of a cell among `counts` (float64 [cell]), then count it in.

    >>> import numpy as np
    >>> counts = np.array([1.0, 1.0]); take_rank(1, counts, 0.5), counts.tolist()
    (0.6666666666666666, [1.0, 2.0])
    """
    below, total = 0.0, 0.0
    for c in range(counts.shape[0]):
        if c < cell:
            below += counts[c]
        total += counts[c]
    u = (below + uniform * (counts[cell] + 1.0)) / (total + 1.0)
    counts[cell] += 1.0
    return float(u)


@compiled
def e_rank(
    x: float, stratum: int, key: int, memory: Floats, edges: Floats, levels: Floats, table: Floats, out: Floats
) -> None:
    """Write e_k = q_k(c)/p(c) into `out`, c the cell of the model that the rank of x falls into.

    `memory` float64 [1 + strata · cells]: how many were ranked, then counts by stratum and cell. `edges` part values
    into cells; `levels` are the model's cumulative probabilities at the edges; `table` is made for that model.
    Null: inside each stratum the observations are exchangeable with the reference. Then u is uniform and independent of
    all earlier u, so the cell of u among `levels` has the model's probabilities exactly, whether or not the model is
    right. Guarantee: mean at most 1 given the earlier u; a model that is wrong costs power only.
    Conditions: edges, levels and table do not depend on what is ranked. Source: Vovk, Gammerman, Shafer (2005), ch. 8.

    >>> import numpy as np
    >>> memory, out, edges = np.array([0.0, 0.0, 99.0]), np.empty(1), np.array([0.5])
    >>> e_rank(0.0, 0, 7, memory, edges, edges, np.array([[2.0], [0.0]]), out); out.tolist(), memory.tolist()
    ([2.0], [1.0, 1.0, 99.0])
    """
    cells = edges.shape[0] + 1
    counts = memory[1 + stratum * cells : 1 + (stratum + 1) * cells]
    uniform = keyed_uniform(key, int(memory[0]))
    u = take_rank(find_cell(x, edges), counts, uniform)
    memory[0] += 1.0
    cell = find_cell(u, levels)
    for k in range(out.shape[0]):
        out[k] = table[cell, k]
