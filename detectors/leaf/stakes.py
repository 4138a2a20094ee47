"""Stakes of a leaf's monitors: one linear form e_k = 1 ± λ_k(x − m) for binary and bounded signals."""

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.bets import (
    MEAN_FLOOR,
    binary_alternatives,
    bounded_stakes,
    harmful_mean,
)


def write_stakes(is_binary: bool, null: float, direction: int, out: Floats) -> None:
    """Write the stakes λ_k ≥ 0 of one monitor into `out` (float64, 8); zeros where the null covers everything.

    Bounded: λ_k = c_k/m on the scale where harm is up (`bounded_stakes`). Binary: those of the alternatives p_k,
    λ_k = (p_k − m)/(m(1 − m)); at 0 and 1 this is `e_binary`, and for a session's mean it is the chord above that form,
    of mean at most 1 under the same null.
    """
    if not is_binary:
        bounded_stakes(null, direction, out)
        return
    mirrored = harmful_mean(null, direction)
    if mirrored > 1.0 - MEAN_FLOOR:
        out[:] = 0.0
        return
    binary_alternatives(null, direction, out)
    out -= mirrored
    out /= mirrored * (1.0 - mirrored)
