"""The e-value of a step given the step before it: a row of a transition matrix at a time."""

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats


@compiled
def e_chain(x: float, states: int, memory: Floats, table: Floats, out: Floats) -> None:
    """Write e_k = q_k(x | previous)/p(x | previous) into `out`; `memory` float64 [1] holds the previous step.

    `table` is float64 [previous · states + x, K]; steps are 0 … states − 1, the last of them the start of a sequence:
    it is no step, gives e = 1, and the step after it is judged by the row of starts.
    Null: given the past, the next step has the probabilities of its previous step's row. Guarantee: mean at most 1.
    Source: Ramdas, Grünwald, Vovk, Shafer (2023), section 2, conditionally on the past.

    >>> import numpy as np
    >>> memory, out = np.array([1.0]), np.empty(1)
    >>> e_chain(0.0, 2, memory, np.array([[0.5], [1.0], [2.0], [1.0]]), out); out.tolist(), memory.tolist()
    ([2.0], [0.0])
    """
    step = int(x)
    row = int(memory[0]) * states + step
    for k in range(out.shape[0]):
        out[k] = table[row, k] if step < states - 1 else 1.0
    memory[0] = x
