"""Whether a signal has returned to its baseline: two e-processes of sessions, one for 'it has', one for 'it has not'.

With a tolerance τ and a baseline that lies somewhere in [lower, upper], harm upwards: `within` bets against 'the mean
is at least lower + τ', `beyond` against 'the mean is at most upper + τ'; harm downwards is the mirror image. The
baseline is taken at its worst for either, so what one says holds wherever in its bounds it lies.
Guarantee: each mixture over the eight sealed bets has mean at most 1 under its null, at every session, so it reaches
1/δ with a chance of at most δ however often one looks. Source: Waudby-Smith and Ramdas (2023).
"""

import math

import numpy as np

from homeostat.detectors.fixed_point import LOG_E_SCALE, Fixed, Floats
from homeostat.detectors.statistics.bets import DOWN, MONITOR_BETS, UP, bounded_stakes
from homeostat.detectors.statistics.mixture import log_mean_exp

_WEIGHTS: Floats = np.full(MONITOR_BETS, -math.log(MONITOR_BETS))


def bet_on_return(values: Floats, lower: float, upper: float, tolerance: float, harm: int) -> tuple[Fixed, Fixed]:
    """Give the sums of log-e per bet of (within, beyond) over values in [0, 1]: int64 of 8 each at 2⁻³² nats.

    `harm` is `UP` or `DOWN`. No values give zeros. Sums of disjoint sessions may be added.

    >>> within, beyond = bet_on_return(np.full(200, 0.2), 0.19, 0.21, 0.05, UP)
    >>> log_e_of(within) > math.log(20), log_e_of(beyond) < 0
    (True, True)
    """
    within = lower + tolerance if harm == UP else upper - tolerance
    beyond = upper + tolerance if harm == UP else lower - tolerance
    return _sum_logs(values, within, -harm), _sum_logs(values, beyond, harm)


def log_e_of(sums: Fixed) -> float:
    """Give the mixture's log-e, in nats, from its eight sums.

    >>> abs(log_e_of(np.zeros(8, np.int64))) < 1e-12
    True
    """
    return float(log_mean_exp(sums / LOG_E_SCALE, _WEIGHTS))


def _sum_logs(values: Floats, null: float, direction: int) -> Fixed:
    """Logs are rounded down one by one, so that the sum does not depend on how sessions are grouped."""
    mean, stakes = min(max(null, 0.0), 1.0), np.empty(MONITOR_BETS)
    bounded_stakes(mean, UP if direction == UP else DOWN, stakes)
    e = 1.0 + stakes * direction * (values[:, None] - mean)
    return np.asarray(np.floor(np.log(e) * LOG_E_SCALE).astype(np.int64).sum(axis=0))
