"""Stakes of a leaf's monitors: one linear form e_k = 1 ± λ_k(x − m) for binary and bounded signals."""

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
