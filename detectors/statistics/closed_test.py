"""Which of many e-values to reject together: fixed shares, and the closed test that may reject more."""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_shiryaev_roberts import Flags

_LOG_CAP = 600.0


def reject_by_share(log_es: Floats, shares: Floats, alpha: float) -> Flags:
    """Reject i where E_i ≥ 1/(α·s_i): error over the family at most α when Σ s_i ≤ 1 (union bound).

    `log_es` in nats and `shares` are float64 [n]; needs no other member's evidence, so a cohort's guard can act alone.
    A share of 0 is never rejected. None rejected for none.

    >>> reject_by_share(np.log(np.array([41.0, 39.0])), np.array([0.5, 0.5]), 0.05).tolist()
    [True, False]
    """
    with np.errstate(divide="ignore"):
        limits = -math.log(alpha) - np.log(shares)
    rejected: Flags = log_es >= limits
    return rejected


def reject_closed(log_es: Floats, shares: Floats, alpha: float) -> Flags:
    """Reject i where every subset S with i in it has Σ_S s_j E_j ≥ Σ_S s_j / α: closed testing with weighted means.

    Guarantee: P(any true null rejected) ≤ α under any dependence, also when looked at any time with e-processes.
    The worst S holds i and every j with E_j < 1/α, so the test is s_i(E_i − 1/α) ≥ Σ_{E_j < 1/α} s_j(1/α − E_j), and
    E_i ≥ 1/α: linear time. It rejects whatever `reject_by_share` does. E above e⁶⁰⁰ is held there.
    `log_es` in nats, `shares` > 0 for those in the family (0: left out, never rejected), float64 [n].
    Source: closure of Marcus, Peritz, Gabriel (1976); Goeman and Solari (2011); for e-values Vovk and Wang (2021).

    >>> reject_closed(np.log(np.array([30.0, 30.0])), np.array([0.5, 0.5]), 0.05).tolist()
    [True, True]
    """
    es = np.exp(np.minimum(log_es, _LOG_CAP))
    limit = 1.0 / alpha
    excess = shares * (es - limit)
    missing = -math.fsum(excess[es < limit].tolist())
    rejected: NDArray[np.bool_] = (es >= limit) & (excess >= missing) & (shares > 0.0)
    return rejected
