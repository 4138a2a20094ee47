"""Which of many e-values to reject together: fixed shares, and the closed test that may reject more."""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.e_shiryaev_roberts import Flags

_LOG_CAP = 600.0


@compiled
def share_limit(share: float, alpha: float) -> float:
    """Give the evidence a member must reach alone, ln(1/(α·s)) in nats; +inf for a share of 0.

    >>> round(share_limit(0.5, 0.05), 4) == round(math.log(40), 4)
    True
    """
    return -math.log(alpha * share) if share > 0.0 else math.inf


@compiled
def reject_by_share(log_es: Floats, shares: Floats, alpha: float) -> Flags:
    """Reject i where E_i ≥ 1/(α·s_i): error over the family at most α when Σ s_i ≤ 1 (union bound).

    `log_es` in nats and `shares` are float64 [n]; needs no other member's evidence, so a cohort's guard can act alone.
    A share of 0 is never rejected. Gives bool [n].

    >>> reject_by_share(np.log(np.array([41.0, 39.0])), np.array([0.5, 0.5]), 0.05).tolist()
    [True, False]
    """
    rejected = np.zeros(log_es.shape[0], np.bool_)
    for i in range(log_es.shape[0]):
        rejected[i] = log_es[i] >= share_limit(shares[i], alpha)
    return rejected


@compiled
def reject_closed(log_es: Floats, shares: Floats, alpha: float) -> Flags:
    """Reject i where every subset S with i in it has Σ_S s_j E_j ≥ Σ_S s_j / α: closed testing with weighted means.

    Guarantee: P(any true null rejected) ≤ α under any dependence, at any time when the E are e-processes.
    The worst S holds i and every j with E_j < 1/α, so the test is E_i ≥ 1/α and
    s_i(E_i − 1/α) ≥ Σ_{E_j < 1/α} s_j(1/α − E_j): linear time. It rejects whatever `reject_by_share` does when
    Σ s_i ≤ 1. E above e⁶⁰⁰ is held there. `log_es` in nats, `shares` float64 [n]; a share of 0 is outside the family.
    Source: Marcus, Peritz, Gabriel (1976); Goeman and Solari (2011); for means of e-values Vovk and Wang (2021).

    >>> reject_closed(np.log(np.array([30.0, 30.0])), np.array([0.5, 0.5]), 0.05).tolist()
    [True, True]
    """
    limit = 1.0 / alpha
    missing = 0.0
    for j in range(log_es.shape[0]):
        e = math.exp(min(log_es[j], _LOG_CAP))
        if e < limit:
            missing += shares[j] * (limit - e)
    rejected = np.zeros(log_es.shape[0], np.bool_)
    for i in range(log_es.shape[0]):
        e = math.exp(min(log_es[i], _LOG_CAP))
        rejected[i] = e >= limit and shares[i] > 0.0 and shares[i] * (e - limit) >= missing
    return rejected
