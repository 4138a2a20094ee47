"""The mixture over bets: a weighted mean of e-values is an e-value under any dependence.

Guarantee: Σ w_k e_k has a mean of at most 1 under the null where each e_k has, the w_k fixed beforehand and of sum 1.
Units: nats. Source: Ramdas, Grünwald, Vovk, Shafer (2023), section 2.
"""

import math

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.bets import GUARD_LOG_WEIGHTS


@compiled
def log_mean_exp(log_es: Floats, log_weights: Floats) -> float:
    """Give ln Σ w_k exp(l_k) in nats for float64 rows of equal length, w summing to 1; −inf when all are −inf.

    >>> round(math.exp(log_mean_exp(np.log(np.array([1.0, 3.0])), np.log(np.array([0.5, 0.5])))), 9)
    2.0
    """
    top = -math.inf
    for k in range(log_es.shape[0]):
        top = max(top, float(log_es[k]))
    if top == -math.inf:
        return top
    total = 0.0
    for k in range(log_es.shape[0]):
        total += math.exp(log_weights[k] + log_es[k] - top)
    return top + math.log(total)


@compiled
def mixture_log_e(sums: Fixed) -> float:
    """Give the log-e of a guardrail test, in nats, from its six sums of log-e (int64 at 2⁻³² nats).

    Weights of the sealed grid (`bets.GUARD_LOG_WEIGHTS`). Nothing seen, all sums 0, gives 0 (e = 1).

    >>> abs(mixture_log_e(np.zeros(6, np.int64))) < 1e-12
    True
    """
    log_es = np.empty(sums.shape[0])
    for k in range(sums.shape[0]):
        log_es[k] = sums[k] / LOG_E_SCALE
    return log_mean_exp(log_es, GUARD_LOG_WEIGHTS)


def mixture_log_es(sums: NDArray[np.int64]) -> Floats:
    """Give `mixture_log_e` over the last axis: int64 [..., 6] to float64 [...].

    >>> mixture_log_es(np.zeros((2, 3, 6), np.int64)).shape
    (2, 3)
    """
    flat = np.ascontiguousarray(sums).reshape(-1, sums.shape[-1])
    return np.array([mixture_log_e(row) for row in flat]).reshape(sums.shape[:-1])
