"""Sample-ratio mismatch: does the candidate get the share of sessions that the rollout's step says?"""

import math

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats, add_saturating, encode_log_e, saturates
from homeostat.detectors.statistics.mixture import log_mean_exp

RATIO_BETS = 6
_LEAN = 31 / 32
_FRACTIONS: Floats = np.array([_LEAN, _LEAN / 4, _LEAN / 16])
_LOG_WEIGHTS: Floats = np.full(RATIO_BETS, -math.log(RATIO_BETS))


@compiled
def add_session(is_candidate: bool, share: float, sums: Fixed) -> int:
    """Add one session's log-e to six sums (int64 at 2⁻³² nats: three 'too many', three 'too few'); gives saturations.

    Null: P(candidate | past) = s, the `share` of the step at the session's start, so it may change between sessions.
    With x = 1 for a candidate and c in (31/32)·(1, 1/4, 1/16): too many e = 1 + (c/s)(x − s), too few
    e = 1 − (c/(1 − s))(x − s). Both have mean exactly 1 under the null and stay at 1 − c or above. A share of 0 or 1
    leaves nothing to test (e = 1): a session against it is a fault of the gateway's and counted elsewhere.
    Source: Lindon and Malek, 'Anytime-valid inference for multinomial count data' (2022); Ramdas et al. (2023).

    >>> sums = np.zeros(6, np.int64); add_session(True, 0.5, sums), bool(sums[0] > 0 > sums[3])
    (0, True)
    """
    if share <= 0.0 or share >= 1.0:
        return 0
    surplus = (1.0 if is_candidate else 0.0) - share
    bets = _FRACTIONS.shape[0]
    saturated = 0
    for k in range(RATIO_BETS):
        stake = _FRACTIONS[k] / share if k < bets else -_FRACTIONS[k - bets] / (1.0 - share)
        log_e = encode_log_e(math.log(1.0 + stake * surplus))
        if saturates(sums[k], log_e):
            saturated += 1
        sums[k] = add_saturating(sums[k], log_e)
    return saturated


@compiled
def ratio_log_e(sums: Fixed) -> float:
    """Give the mixture log-e in nats against 'the share is kept'; a mismatch is declared at ln(1/α), at any time.

    >>> abs(ratio_log_e(np.zeros(6, np.int64))) < 1e-12
    True
    """
    log_es = np.empty(sums.shape[0])
    for k in range(sums.shape[0]):
        log_es[k] = sums[k] / LOG_E_SCALE
    return log_mean_exp(log_es, _LOG_WEIGHTS)
