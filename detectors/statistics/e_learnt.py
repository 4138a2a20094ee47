"""What a stream teaches while it waits: each null that it contradicts lets more evidence in, each that it fits less."""

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_shiryaev_roberts import EVIDENCE_CAP

LEARNT = 0.3
_NOTHING = 1e-200


@compiled
def enter_learnt(x: float, w: float, table: Floats, memory: Floats, m: Floats) -> None:
    """Let evidence in before x: M_k ← M_k + w·(.7 + .3·L_k); then learn from x: L_k ← L_k·(1 + λ'_k(x − m'_k)).

    `memory` holds L (float64 [K], 1 at first), `m` M; the last two rows of `table` (float64 [4, K]) are λ' and m'.
    Null: of each k, x given the past has its mean on that side of m'_k where λ'_k(x − m'_k) has none above 0.
    Guarantee: while it holds E[L_k] ≤ 1, so that no more than w is let in on average; below 1e-200 L is 0.
    L looks away from the change: it grows while the stream lies where no change would take it, so a null that the
    stream has contradicted from that side before a change no longer holds an alarm up. Units: none.
    Source: Shin, Ramdas, Rinaldo, 'E-detectors' (2022), whose baseline increments may be any predictable weights.

    >>> import numpy as np
    >>> memory, m = np.ones(1), np.zeros(1)
    >>> enter_learnt(0.0, 1.0, np.array([[1.0], [0.5], [-1.0], [0.5]]), memory, m); memory.tolist(), m.tolist()
    ([1.5], [1.0])
    """
    for k in range(m.shape[0]):
        m[k] += w * (1.0 - LEARNT + LEARNT * memory[k])
        learnt = min(memory[k] * (1.0 + table[2, k] * (x - table[3, k])), EVIDENCE_CAP)
        memory[k] = learnt if learnt > _NOTHING else 0.0
