"""The grids of bets, sealed before any data is seen: alternatives and stakes per monitor and per guardrail.

A bet that is chosen beforehand makes each e-value a test martingale whatever the data; a mixture over bets (weights
that sum to 1) stays one. `GRID_ID` names grids and weights together: evidence under another id must not be added.

A leaf's binary bets: eight sizes of change from .08 to 1.3, in the angle 2(asin √p − asin √m), about √(2·KL) of one
observation, so that a rate of .02 and one of .5 are watched over the same sizes and no logarithm is needed. A leaf's
bounded bets: with effect δ and variance σ² the log-wealth of stake λ grows by about λδ − λ²(σ² + δ²)/2 an observation.
Every σ² < mδ has its best at the cap, which therefore carries three of the eight bets; the other five lie evenly, on a
log scale, between the cap and the best stake for a shift of about σ/10, where σ is known roughly.
`docs/adr/0014-sizes-of-bets-and-tighter-bounds.md` has what each measured against the grids before.

A rollout's six bets: that growth is scale-free in ρ = (best stake)/(largest stake allowed). Between neighbours an
octave apart the growth lost is at most 1/9, and the cap's weight is 1/4: among 1/6, 1/4, 1/3, 2/5, 1/2 it minimises
the worst ratio, over 1/32 ≤ ρ < ∞, of pairs needed to pairs needed with ρ known, at evidence 20 (1.57).
"""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

GRID_ID = "g2"
UP = 1
DOWN = -1
MONITOR_BETS = 8
GUARD_BETS = 6
MEAN_FLOOR = 2.0**-20

_LEAST_ANGLE = 0.08
_MOST_ANGLE = 1.3
_ROOM_SHARE = 2 / 3
_CAP = 31 / 32
_CAP_BETS = 3
_DEPTHS = 6
_LEAST_EFFECT = 0.14

GUARD_FRACTIONS: Floats = np.array([31 / 32 / 2**k for k in range(GUARD_BETS)])
GUARD_LOG_WEIGHTS: Floats = np.array([math.log(w) for w in (1 / 4, 3 / 20, 3 / 20, 3 / 20, 3 / 20, 3 / 20)])
_TANGENTS: Floats = np.geomspace(math.tan(_LEAST_ANGLE / 4.0), math.tan(_MOST_ANGLE / 4.0), MONITOR_BETS)
_STEPS_BELOW = MONITOR_BETS - _CAP_BETS
BOUNDED_FRACTIONS: Floats = np.array(
    [
        [_CAP * 2.0 ** (-depth * max(k - _CAP_BETS + 1, 0) / _STEPS_BELOW) for k in range(MONITOR_BETS)]
        for depth in range(1, _DEPTHS + 1)
    ]
)
"""Stakes as fractions of 1/m: row d − 1 goes down to 2⁻ᵈ of the cap 31/32."""


@compiled
def harmful_mean(mean: float, direction: int) -> float:
    """Mirror a null mean so that harm is up: m for `UP`, 1 − m for `DOWN`, and at least 2⁻²⁰.

    Raising the mean of an upward null only makes the null larger, so the floor keeps the guarantee.
    """
    mirrored = mean if direction == UP else 1.0 - mean
    return max(mirrored, MEAN_FLOOR)


@compiled
def bounded_stakes(mean: float, direction: int, out: Floats, deviation: float = 0.0) -> None:
    """Write the stakes λ_k of `e_bounded` for null mean `mean` in [0, 1] into `out` (float64, 8), largest first.

    With m mirrored (`harmful_mean`): λ_k = c_k/m < 1/m; c_k = 31/32 three times, then five steps evenly (log scale)
    down to (31/32)·2⁻ᵈ, d the least of 1 … 6 that brings the last stake to .14/σ or below. `deviation` is a guess of
    the standard deviation σ of a session's mean, 0 for none (d = 6): it chooses stakes, no guarantee uses it. All 0 (no
    bet) where the null covers everything: up with m > 1 − 2⁻²⁰, down with m < 2⁻²⁰.
    Source: Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting' (2023).

    >>> out = np.empty(8); bounded_stakes(0.5, UP, out); float(out[0]), float(out[7])
    (1.9375, 0.0302734375)
    >>> bounded_stakes(0.5, UP, out, 0.1); float(out[0]), float(out[7])
    (1.9375, 0.96875)
    """
    null = harmful_mean(mean, direction)
    depth = 1
    if deviation <= 0.0:
        depth = _DEPTHS
    while depth < _DEPTHS and BOUNDED_FRACTIONS[depth - 1, MONITOR_BETS - 1] * deviation > _LEAST_EFFECT * null:
        depth += 1
    for k in range(out.shape[0]):
        out[k] = BOUNDED_FRACTIONS[depth - 1, k] / null if null <= 1.0 - MEAN_FLOOR else 0.0


@compiled
def binary_alternatives(mean: float, direction: int, out: Floats) -> None:
    """Write the alternatives p_k of `e_binary`, on the mirrored scale where harm is up, into `out` (float64, 8).

    With m mirrored (`harmful_mean`): p_k = sin²(asin √m + h_k/2), tan(h_k/4) geometric for h from .08 to 1.3; where the
    largest would pass two thirds of the way from m to 1 (by tan(h/4)) all are scaled down alike, so that the bets stay
    distinct, below 1, and 1 − p_k ≥ (1 − m)/9. p_k = m (no bet) where the null covers everything, m > 1 − 2⁻²⁰.
    Only products, quotients and square roots, so every machine gets the same bits.

    >>> out = np.empty(8); binary_alternatives(0.1, UP, out); round(float(out[0]), 3), round(float(out[7]), 3)
    (0.125, 0.682)
    """
    null = harmful_mean(mean, direction)
    near, far = math.sqrt(null), math.sqrt(max(1.0 - null, 0.0))
    scale = min(1.0, _ROOM_SHARE * far / (1.0 + near) / _TANGENTS[MONITOR_BETS - 1])
    for k in range(out.shape[0]):
        tangent = scale * _TANGENTS[k]
        root = (near * (1.0 - tangent * tangent) + far * 2.0 * tangent) / (1.0 + tangent * tangent)
        out[k] = root * root if null <= 1.0 - MEAN_FLOOR else null


def guard_stakes(tolerance: float) -> tuple[Floats, Floats]:
    """Give the stakes of a guardrail's two tests, (harmful, non-inferior), float64 of 6 each.

    Harmful: λ_k = c_k/(1 + τ) < 1/(1 + τ); non-inferior: λ_k = c_k/(1 − τ) < 1/(1 − τ). Raises `ValueError` unless
    0 ≤ τ < 1.

    >>> harmful, non_inferior = guard_stakes(0.05); round(float(harmful[0]), 4), round(float(non_inferior[0]), 4)
    (0.9226, 1.0197)
    """
    if not 0.0 <= tolerance < 1.0:
        raise ValueError(f"tolerance {tolerance} is outside [0, 1): a difference of bounded signals is at most 1")
    return GUARD_FRACTIONS / (1.0 + tolerance), GUARD_FRACTIONS / (1.0 - tolerance)


def monitor_bets(kind_is_binary: bool, means: NDArray[np.float64]) -> Floats:
    """Give the bets of many monitors: float64 [slot, direction (up, down), 8] for null means [slot, direction].

    >>> monitor_bets(False, np.array([[0.5, 0.5]])).shape
    (1, 2, 8)
    """
    out = np.empty((means.shape[0], 2, MONITOR_BETS))
    for slot in range(means.shape[0]):
        for side, direction in enumerate((UP, DOWN)):
            if kind_is_binary:
                binary_alternatives(means[slot, side], direction, out[slot, side])
            else:
                bounded_stakes(means[slot, side], direction, out[slot, side])
    return out
