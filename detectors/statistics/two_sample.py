"""Candidate against control: two e-processes on paired differences, one per error of a rollout.

d = (candidate's harm) − mean harm of the block of control observations set apart for it, in [−1, 1], where harm is x
for a signal harmful upwards and 1 − x for one harmful downwards; tolerance τ on the same scale.
Harmful, H₀ E[d | past] ≤ τ: e_k = 1 + λ_k(d − τ), λ_k < 1/(1 + τ).
Non-inferior, H₀ E[d | past] ≥ τ: e_k = 1 − λ_k(d − τ), λ_k < 1/(1 − τ).
Guarantee: under its null P(mixture ever ≥ 1/α) ≤ α (Ville), whatever the variances, looks and matching, provided each
control observation is used once, sessions are split at random inside the stratum, and both are of the same age.
Source: Waudby-Smith and Ramdas (2023); Ramdas, Grünwald, Vovk, Shafer (2023).

No second statistic is averaged in, on purpose. For d in [−1, 1] and a null about its mean, the best growth of
any e-value is max over λ of E ln(1 ± λ(d − τ)) (KL_inf of Honda and Takemura, 2010), so the cap on λ is the price of
the null and not of the method: a rare note that is wholly bad moves the mean as far as many notes that are slightly
worse. Clipping d from above would be faster and would promote just such a release.
"""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Fixed, Floats, add_saturating, encode_log_e, saturates
from homeostat.detectors.statistics.bets import DOWN


@compiled
def harm(x: float, direction: int) -> float:
    """Give the harm of a bounded value: x for `UP`, 1 − x for `DOWN`.

    >>> harm(0.25, 1), harm(0.25, -1)
    (0.25, 0.75)
    """
    return 1.0 - x if direction == DOWN else x


@compiled
def add_pair(
    d: float, tolerance: float, harmful: Floats, non_inferior: Floats, harmful_sums: Fixed, non_inferior_sums: Fixed
) -> int:
    """Add one pair's log-e per bet into both sums (int64 at 2⁻³² nats, 6 each); returns how many saturated.

    `harmful` and `non_inferior` are the stakes of `bets.guard_stakes(tolerance)`. Addition is exact, so the order of
    pairs does not matter.

    >>> from homeostat.detectors.statistics.bets import guard_stakes
    >>> h, n = np.zeros(6, np.int64), np.zeros(6, np.int64)
    >>> add_pair(0.05, 0.05, *guard_stakes(0.05), h, n), h.tolist() == n.tolist() == [0] * 6
    (0, True)
    """
    saturated = 0
    for k in range(harmful.shape[0]):
        up = encode_log_e(math.log(1.0 + harmful[k] * (d - tolerance)))
        down = encode_log_e(math.log(1.0 - non_inferior[k] * (d - tolerance)))
        if saturates(harmful_sums[k], up) or saturates(non_inferior_sums[k], down):
            saturated += 1
        harmful_sums[k] = add_saturating(harmful_sums[k], up)
        non_inferior_sums[k] = add_saturating(non_inferior_sums[k], down)
    return saturated


def sum_pairs(ds: Floats, tolerance: float, harmful: Floats, non_inferior: Floats) -> tuple[Fixed, Fixed]:
    """Give both rows of sums for many differences (float64 [n]); zeros for none.

    >>> from homeostat.detectors.statistics.bets import guard_stakes
    >>> [row.tolist() for row in sum_pairs(np.empty(0), 0.05, *guard_stakes(0.05))] == [[0] * 6] * 2
    True
    """
    harmful_sums = np.zeros(harmful.shape[0], np.int64)
    non_inferior_sums = np.zeros(non_inferior.shape[0], np.int64)
    for d in ds:
        add_pair(float(d), tolerance, harmful, non_inferior, harmful_sums, non_inferior_sums)
    return harmful_sums, non_inferior_sums
