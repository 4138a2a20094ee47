"""The mixture e-Shiryaev–Roberts detector: a change at an unknown time of unknown size, within a budget.

Per bet k: M_k ← (M_k + w)·e_k; alarm when Σ π_k M_k ≥ A with π_k = 1/K, then M ← 0. Under no change
Σ π_k M_k − Σ w is a supermartingale and each alarm takes at least A off it, so E[alarms by t] ≤ Σ w / A for any
predictable w (units: w is dimensionless, a rate × seconds of log time; w = 1 an observation gives a mean run length
of at least A). Conditions: e_k has conditional mean at most 1 given the past; w is known before x.
Source: Shin, Ramdas, Rinaldo, 'E-detectors' (2022).

M is float64 and held to 1e100: no cancellation can occur (all terms ≥ 0), underflow to 0 and the cap only make M
smaller, which keeps the guarantee; A must lie below 1e100/K.

The onset of bet k is the start s that maximises w_s·Π_{j ≥ s} e_j, kept as a CUSUM beside M: peak ← max(peak, w)·e,
and a new start whenever peak < w.
"""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats

EVIDENCE_CAP = 1e100
LOG_E_CAP = 230.0

Flags = NDArray[np.bool_]


@compiled
def advance(m_row: Floats, e_row: Floats, w: float) -> float:
    """Fold one e-value per bet into M (float64, K, in place) and give Σ π_k M_k; no alarm is taken.

    >>> m = np.zeros(2); advance(m, np.array([2.0, 4.0]), 1.0), m.tolist()
    (3.0, [2.0, 4.0])
    """
    total = 0.0
    for k in range(m_row.shape[0]):
        m_row[k] = min((m_row[k] + w) * e_row[k], EVIDENCE_CAP)
        total += m_row[k]
    return float(total / m_row.shape[0])


@compiled
def evidence(m_row: Floats) -> float:
    """Give Σ π_k M_k, the evidence that is compared with A; 0 at the start.

    >>> evidence(np.array([2.0, 4.0]))
    3.0
    """
    total = 0.0
    for k in range(m_row.shape[0]):
        total += m_row[k]
    return float(total / m_row.shape[0])


@compiled
def step_linear(m_row: Floats, e_row: Floats, w: float, threshold: float) -> bool:
    """Fold one e-value per bet (float64, not logs) into M; true when Σ π_k M_k ≥ A, and then M is 0 again.

    >>> m = np.zeros(1); step_linear(m, np.array([3.0]), 1.0, 10.0), step_linear(m, np.array([3.0]), 1.0, 10.0)
    (False, True)
    """
    if advance(m_row, e_row, w) < threshold:
        return False
    m_row[:] = 0.0
    return True


@compiled
def step_sum(m_row: Floats, sum_log_e_row: Fixed, w: float) -> float:
    """Fold e_k = exp(Σ log-e) of a whole bucket (int64 at 2⁻³² nats) into M and give Σ π_k M_k: a parent's step.

    One step a sealed bucket; a bucket's product has conditional mean at most 1 like a single e. Σ above 230 nats
    is held there, which only lowers M.

    >>> m = np.zeros(1); round(step_sum(m, np.array([2**32]), 1.0), 4)
    2.7183
    """
    total = 0.0
    for k in range(m_row.shape[0]):
        e = math.exp(min(sum_log_e_row[k] / LOG_E_SCALE, LOG_E_CAP))
        m_row[k] = min((m_row[k] + w) * e, EVIDENCE_CAP)
        total += m_row[k]
    return float(total / m_row.shape[0])


@compiled
def step(m_row: Floats, log_e_row: Fixed, w: float, threshold: float) -> bool:
    """Fold one fixed-point log-e per bet into M; true when Σ π_k M_k ≥ A, and then M is 0 again.

    >>> m = np.zeros(1); step(m, np.array([2**33]), 1.0, 5.0), m.tolist()
    (True, [0.0])
    """
    if step_sum(m_row, log_e_row, w) < threshold:
        return False
    m_row[:] = 0.0
    return True


@compiled
def note_starts(peak_row: Floats, start_row: Fixed, e_row: Floats, w: float, now: int) -> None:
    """Keep the most likely start per bet: call with the same e and w just before `advance` or `step_linear`.

    `now` (int64, any unit of time or a count) is this observation's. A row of zeros starts at its first call.

    >>> peak, start = np.zeros(1), np.zeros(1, np.int64)
    >>> for t, e in ((1, 2.0), (2, 0.1), (3, 2.0), (4, 2.0)): note_starts(peak, start, np.array([e]), 1.0, t)
    >>> start.tolist()
    [3]
    """
    for k in range(peak_row.shape[0]):
        if peak_row[k] < w or peak_row[k] == 0.0:
            peak_row[k] = w
            start_row[k] = now
        peak_row[k] = min(peak_row[k] * e_row[k], EVIDENCE_CAP)


@compiled
def carrier(m_row: Floats) -> int:
    """Give the bet that carries most of the mixture, the first of equals: its start is the onset.

    >>> carrier(np.array([1.0, 5.0, 5.0]))
    1
    """
    best = 0
    for k in range(1, m_row.shape[0]):
        if m_row[k] > m_row[best]:
            best = k
    return best


@compiled
def step_dated(
    m_row: Floats, peak_row: Floats, start_row: Fixed, e_row: Floats, w: float, threshold: float, now: int
) -> int:
    """Fold one e-value per bet in with onset bookkeeping: −1, or at an alarm the carrier k (onset `start_row[k]`).

    At an alarm M and the peaks are 0 again; the starts stand until the next step, so the onset can be read.

    >>> m, peak, start = np.zeros(1), np.zeros(1), np.zeros(1, np.int64)
    >>> [step_dated(m, peak, start, np.array([e]), 1.0, 20.0, t) for t, e in enumerate((0.1, 4.0, 4.0))], start.tolist()
    ([-1, -1, 0], [1])
    """
    note_starts(peak_row, start_row, e_row, w, now)
    if advance(m_row, e_row, w) < threshold:
        return -1
    best = carrier(m_row)
    m_row[:] = 0.0
    peak_row[:] = 0.0
    return best


@compiled
def step_slots(m: Floats, e: Floats, w: Floats, threshold: float, crossed: Flags) -> int:
    """Step many monitors: m and e float64 [slot, direction, K], w [slot], crossed bool [slot, direction] out.

    Returns the number of alarms; 0 for no slots.

    >>> crossed = np.zeros((1, 2), np.bool_)
    >>> step_slots(np.zeros((1, 2, 1)), np.array([[[9.0], [1.0]]]), np.ones(1), 5.0, crossed), crossed.tolist()
    (1, [[True, False]])
    """
    alarms = 0
    for slot in range(m.shape[0]):
        for side in range(m.shape[1]):
            crossed[slot, side] = step_linear(m[slot, side], e[slot, side], w[slot], threshold)
            if crossed[slot, side]:
                alarms += 1
    return alarms
