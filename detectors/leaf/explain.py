"""What the inputs explain: a regression of each column of the work on the inputs, sealed with the baseline.

An output may move because the visits did. slopes b = (X'X + r)⁻¹X'y over the sessions of the reference, X the inputs
about their means, r a ridge of one observation's worth of each input's variance; a missing value counts as the mean.
When the inputs' means move by Δ, b·Δ is what that explains of y's change, if what holds between sessions holds in time.
"""

import math
from typing import Final

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import CohortArrays
from homeostat.detectors.leaf.plan import WORK, PlanArrays

_LEAST_VARIANCE: Final = 1e-9


@compiled
def seal_slopes(slot: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Write the slopes of the work's columns from the work lane's last `seal_sessions` sessions.

    An input's own slopes are left at nan: it is what explains.
    """
    count = plan.inputs.shape[0]
    if count == 0:
        return
    newest = cohorts.ring_count[slot, WORK]
    first = max(0, newest - min(cohorts.seal_sessions[slot], cohorts.ring.shape[1]))
    inputs = np.zeros((newest - first, count))
    for j in range(count):
        centre(slot, first, newest, plan.inputs[j], plan, cohorts, inputs[:, j])
    gram = multiply_across(inputs, inputs)
    for j in range(count):
        gram[j, j] += gram[j, j] / max(1, newest - first) + _LEAST_VARIANCE
    factor(gram)
    output = np.zeros((newest - first, 1))
    for s in range(plan.lane.shape[0]):
        if plan.lane[s] != WORK or plan.exposure[s] or is_input(s, plan):
            continue
        if plan.spread_of[s] >= 0 and cohorts.reference[slot, s, 0] == 0:
            continue
        if centre(slot, first, newest, s, plan, cohorts, output[:, 0]) > 0:
            cohorts.slopes[slot, s] = solve(gram, multiply_across(inputs, output)[:, 0])


@compiled
def is_input(s: int, plan: PlanArrays) -> bool:
    """Whether a column is one of the inputs."""
    found = False
    for j in range(plan.inputs.shape[0]):
        found = found or plan.inputs[j] == s
    return found


@compiled
def multiply_across(left: Floats, right: Floats) -> Floats:
    """Give left'·right (float64 [m, n] of [rows, m] and [rows, n]), summed in the order of the rows."""
    out = np.zeros((left.shape[1], right.shape[1]))
    for i in range(left.shape[0]):
        for j in range(left.shape[1]):
            for k in range(right.shape[1]):
                out[j, k] += left[i, j] * right[i, k]
    return out


@compiled
def read_ring(slot: int, row: int, s: int, plan: PlanArrays, cohorts: CohortArrays) -> int:
    """Give a column's value in a row of the ring (2⁻²⁰, −1 for none), a spread's from its sealed centre."""
    main = plan.spread_of[s]
    x = int(cohorts.ring[slot, row, s if main < 0 else main])
    return abs(x - cohorts.centre[slot, s]) if main >= 0 and x >= 0 else x


@compiled
def centre(slot: int, first: int, newest: int, s: int, plan: PlanArrays, cohorts: CohortArrays, out: Floats) -> int:
    """Write a column's values about their mean, 0 where there is none; gives how many there are."""
    rows, count, total = cohorts.ring.shape[1], 0, 0
    for number in range(first, newest):
        x = read_ring(slot, number % rows, s, plan, cohorts)
        if x >= 0:
            total += x
            count += 1
    for number in range(first, newest):
        x = read_ring(slot, number % rows, s, plan, cohorts)
        out[number - first] = (x - total / count) / VALUE_SCALE if x >= 0 else 0.0
    return count


@compiled
def factor(gram: Floats) -> None:
    """Replace a positive definite matrix (float64 [n, n]) by its lower Cholesky factor.

    >>> a = np.array([[4.0, 2.0], [2.0, 5.0]]); factor(a); a.diagonal().tolist()
    [2.0, 2.0]
    """
    for i in range(gram.shape[0]):
        for j in range(i + 1):
            total = gram[i, j]
            for k in range(j):
                total -= gram[i, k] * gram[j, k]
            gram[i, j] = math.sqrt(max(total, _LEAST_VARIANCE)) if i == j else total / gram[j, j]


@compiled
def solve(lower: Floats, right: Floats) -> Floats:
    """Give x with L·L'·x = right for a Cholesky factor L.

    >>> solve(np.array([[2.0, 0.0], [1.0, 2.0]]), np.array([2.0, 5.0])).tolist()
    [0.0, 1.0]
    """
    x = right.copy()
    for i in range(x.shape[0]):
        for k in range(i):
            x[i] -= lower[i, k] * x[k]
        x[i] /= lower[i, i]
    for i in range(x.shape[0] - 1, -1, -1):
        for k in range(i + 1, x.shape[0]):
            x[i] -= lower[k, i] * x[k]
        x[i] /= lower[i, i]
    return x
