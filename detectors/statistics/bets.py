"""The grids of bets, sealed before any data is seen: alternatives and stakes per monitor and per guardrail.

A bet that is chosen beforehand makes each e-value a test martingale whatever the data; a mixture over bets (weights
that sum to 1) stays one. `GRID_ID` names grids and weights together: evidence under another id must not be added.

Why these fractions: with effect δ and variance σ² the log-wealth of stake λ grows by about λδ − λ²(σ² + δ²)/2 an
observation, which is scale-free in ρ = (best stake)/(largest stake allowed). Between neighbours an octave apart the
growth lost is at most 1/9. Every ρ ≥ 1 (small variance against the tolerance) has its best at the cap, so the first
bet lies 1/32 under it. For a rollout's six bets the cap's weight is 1/4: among 1/6, 1/4, 1/3, 2/5, 1/2 it minimises
the worst ratio, over 1/32 ≤ ρ < ∞, of pairs needed to pairs needed with ρ known, at evidence 20 (1.57).
"""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats

GRID_ID = "g1"
UP = 1
DOWN = -1
MONITOR_BETS = 8
GUARD_BETS = 6
MEAN_FLOOR = 2.0**-20

_LEAST_GAIN = 0.4
_MOST_GAIN = 3.0
_CAP_SHARE = 0.875

BOUNDED_FRACTIONS: Floats = np.array([31 / 32 / 2**k for k in range(MONITOR_BETS)])
GUARD_FRACTIONS: Floats = np.array([31 / 32 / 2**k for k in range(GUARD_BETS)])
GUARD_LOG_WEIGHTS: Floats = np.array([math.log(w) for w in (1 / 4, 3 / 20, 3 / 20, 3 / 20, 3 / 20, 3 / 20)])
_BINARY_STEPS: Floats = np.array(
    [(_LEAST_GAIN / _MOST_GAIN) ** (1 - k / (MONITOR_BETS - 1)) for k in range(MONITOR_BETS)]
)


@compiled
def harmful_mean(mean: float, direction: int) -> float:
    """Mirror a null mean so that harm is up: m for `UP`, 1 − m for `DOWN`, and at least 2⁻²⁰.

    Raising the mean of an upward null only makes the null larger, so the floor keeps the guarantee.
    """
    mirrored = mean if direction == UP else 1.0 - mean
    return max(mirrored, MEAN_FLOOR)


@compiled
def bounded_stakes(mean: float, direction: int, out: Floats) -> None:
    """Write the stakes λ_k of `e_bounded` for null mean `mean` in [0, 1] into `out` (float64, 8).

    Up: λ_k = c_k/m < 1/m; down: λ_k = c_k/(1 − m) < 1/(1 − m); c_k = (31/32)·2⁻ᵏ. All 0 (no bet) where the null
    covers everything: up with m > 1 − 2⁻²⁰, down with m < 2⁻²⁰.
    Source: Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting' (2023).

    >>> out = np.empty(8); bounded_stakes(0.5, UP, out); float(out[0]), float(out[1])
    (1.9375, 0.96875)
    """
    null = harmful_mean(mean, direction)
    for k in range(out.shape[0]):
        out[k] = BOUNDED_FRACTIONS[k] / null if null <= 1.0 - MEAN_FLOOR else 0.0


@compiled
def binary_alternatives(mean: float, direction: int, out: Floats) -> None:
    """Write the alternatives p_k of `e_binary`, on the mirrored scale where harm is up, into `out` (float64, 8).

    With m mirrored (`harmful_mean`): p_k = m·(1 + g_k), g geometric from .4 to 3. Where the largest would pass
    m + ⅞·(1 − m), that is m > 7/31, the whole grid shrinks: g runs geometrically from G·(.4/3) to G = ⅞·(1 − m)/m, so
    that the bets stay distinct and below 1. p_k = m (no bet) where the null covers everything, m > 1 − 2⁻²⁰.

    >>> out = np.empty(8); binary_alternatives(0.1, UP, out); round(float(out[0]), 3), round(float(out[7]), 3)
    (0.14, 0.4)
    """
    null = harmful_mean(mean, direction)
    most = min(_MOST_GAIN, _CAP_SHARE * (1.0 - null) / null)
    for k in range(out.shape[0]):
        out[k] = null * (1.0 + most * _BINARY_STEPS[k]) if null <= 1.0 - MEAN_FLOOR else null


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
