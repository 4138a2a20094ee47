"""Stakes of a leaf's monitors: one linear form e_k = 1 ± λ_k(x − m) for binary and bounded signals.

A monitor is of one column in one direction, stepped by `close` (`absence` where it means 0). For a session's mean x,
eight bets with stakes λ_k and a null mean m: e_k = 1 + λ_k(x − m) (up), 1 − λ_k(x − m) (down); M_k ← (M_k + w·Δt)·e_k,
Δt the log time since its last session; alarm when Σ M_k/8 ≥ A; then M ← 0.
Guarantee: E[alarms until t] ≤ w·t/A while each session's mean given the past is at most m (at least, for down), of any
law and dependence. m is known before the session: a declared limit; or the bound of the cohort's reference plus the
tolerance, which with a chance of δ (`budget.baseline_delta`) at most is not beyond the mean that the reference was
of, if its sessions were independent given the cohort; or what other tenants predict, which rests on a normal law and
is labelled `plug_in`. What is never to happen alarms when it does, and takes no part of the budget.
Units: x and m in [0, 1], a column's scale (`schemas/signal_columns.py`); time in ms; w a share of the budget times A.
Source: Shin, Ramdas, Rinaldo, 'E-detectors' (2022); Waudby-Smith and Ramdas (2023).

>>> import numpy as np
>>> from homeostat.detectors.statistics.e_shiryaev_roberts import step_linear
>>> stakes, evidence = np.empty(8), np.zeros(8)
>>> write_stakes(True, 0.1, UP, stakes)
>>> [step_linear(evidence, 1.0 + stakes * (x - 0.1), 1.0, 1000.0) for x in [0.0] * 5 + [1.0] * 5].index(True)
9
"""

import math

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.plan import BASELINE_DELTA, PlanArrays
from homeostat.detectors.statistics.bets import (
    DOWN,
    MEAN_FLOOR,
    UP,
    binary_alternatives,
    bounded_stakes,
    harmful_mean,
)


@compiled
def write_stakes(is_binary: bool, null: float, direction: int, out: Floats, deviation: float = 0.0) -> None:
    """Write the stakes λ_k ≥ 0 of one monitor into `out` (float64, 8); zeros where the null covers everything.

    Bounded: λ_k = c_k/m on the scale where harm is up (`bounded_stakes`, which `deviation` guides; 0 when unknown).
    Binary: those of the alternatives p_k, λ_k = (p_k − m)/(m(1 − m)); at 0 and 1 this is `e_binary`, and for a
    session's mean it is the chord above that form, of mean at most 1 under the same null.
    """
    bounded_stakes(null, direction, out, deviation)
    mirrored = harmful_mean(null, direction)
    if is_binary and mirrored <= 1.0 - MEAN_FLOOR:
        binary_alternatives(null, direction, out)
        for k in range(out.shape[0]):
            out[k] = (out[k] - mirrored) / (mirrored * (1.0 - mirrored))


@compiled
def guess_deviation(n: float, lower: float, upper: float, delta: float) -> float:
    """Give the standard deviation of n values whose bounds of the mean, each at δ, are `lower` and `upper`.

    Such a bound lies about σ√(2 ln(1/δ)/n) from the mean. It guides stakes; no guarantee uses it.

    >>> round(guess_deviation(200.0, 0.45, 0.55, 1e-4), 3)
    0.165
    """
    return (upper - lower) / 2.0 * math.sqrt(n / (2.0 * math.log(1.0 / delta)))


@compiled
def write_bets(reference: Floats, borrowed: Floats, plan: PlanArrays, null: Floats, stakes: Floats) -> None:
    """Write null means [signal, (up, down)] and stakes [signal, (up, down), bet] of a cohort's sealed references.

    `reference` is [signal, (n, mean, lower, upper)]; where n is 0, `borrowed` (tenants for n) stands for it.
    """
    for s in range(reference.shape[0]):
        write_bet(s, reference[s], borrowed[s], plan, null[s], stakes[s])


@compiled
def write_bet(s: int, reference: Floats, borrowed: Floats, plan: PlanArrays, null: Floats, stakes: Floats) -> None:
    """Write null means (up, down) and stakes [(up, down), bet] of one signal.

    The null is the bound plus tolerance, on the harmful side of a declared limit the limit itself, which needs no
    reference. A signal without either has no bets: zeros. What must never happen is not bet on. How far sessions
    deviate is known from a cohort's own reference only.
    """
    deviation = guess_deviation(reference[0], reference[2], reference[3], plan.weights[BASELINE_DELTA])
    known = reference if reference[0] > 0 else borrowed
    for side in range(2):
        stakes[side, :] = 0.0
        null[side] = 0.0
        direction = UP if side == 0 else DOWN
        limited = plan.harm[s] == direction and not math.isnan(plan.limit[s])
        if plan.never[s] or (known[0] == 0 and not limited):
            continue
        if limited:
            null[side] = plan.limit[s]
        elif direction == UP:
            null[side] = known[3] + plan.tolerance[s]
        else:
            null[side] = known[2] - plan.tolerance[s]
        write_stakes(plan.binary[s] > 0, null[side], direction, stakes[side], deviation)
