"""Burn rate of an error budget: evidence that sessions spend faster than declared, valid however often one looks.

Null: E(x | past) ≤ m for every session, x in [0, 1] what it spends, m the declared rate. Bets against it are those of
`e_binary`; as aˣb¹⁻ˣ is at most xa + (1 − x)b, sums alone are enough: n sessions that spent S in all give
log e_k = S·ln(p_k/m) + (n − S)·ln((1 − p_k)/(1 − m)), at most the log of a test martingale.

Burn-rate alerts over windows ('more than 14.4 in the last hour') look again at every moment and state no chance of a
false one. Here a bet begins anew with each period of the budget, the first with weight 1/2, the next 1/6, then
1/((k + 1)(k + 2)): what those that have not begun would get stays at e = 1, so the sum is an e-process, and a fast
burn in this period is seen although the periods before it were fine.
Guarantee: P(e ever ≥ 1/α) ≤ α under the null. Units: nats.
Sources: Ville (1939); Ramdas, Grünwald, Vovk, Shafer (2023).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.statistics.bets import MONITOR_BETS, UP
from homeostat.detectors.statistics.e_binary import binary_rows
from homeostat.detectors.statistics.mixture import log_mean_exp

_LOG_WEIGHTS = np.full(MONITOR_BETS, -math.log(MONITOR_BETS))


class Spending(NamedTuple):
    """So many sessions, and what they spent together (0 to 1 each)."""

    sessions: int
    spent: float


def log_e_by_bet(spending: Spending, rate: float) -> Floats:
    """Give log e_k (float64 nats, 8) of one group's spending against the declared rate in (0, 1).

    >>> bool((log_e_by_bet(Spending(0, 0.0), 0.1) == 0.0).all())
    True
    >>> bool(log_e_by_bet(Spending(100, 40.0), 0.1).max() > 30 > 0 > log_e_by_bet(Spending(100, 5.0), 0.1).max())
    True
    """
    hit, miss = np.empty(MONITOR_BETS), np.empty(MONITOR_BETS)
    binary_rows(rate, UP, hit, miss)
    spent = min(max(spending.spent, 0.0), float(spending.sessions))
    return np.asarray(spent * hit + (spending.sessions - spent) * miss)


def burn_log_e(starts: Sequence[Sequence[Spending]], rate: float, capped: NDArray[np.bool_]) -> float:
    """Give log e (nats) that the groups spend faster than `rate`: [period's beginning, group] is what each spent since.

    Half of each period's bet is on all groups together, half on the mean over them (one that alone spends too fast).
    Of a group that is `capped` (bool [group]) only what speaks against it counts. No group gives 0.

    >>> burn_log_e([[Spending(50, 30.0)]], 0.1, np.array([False])) > math.log(1000)
    True
    >>> burn_log_e([[Spending(50, 30.0)]], 0.1, np.array([True])) < 0.01
    True
    """
    if not len(capped):
        return 0.0
    terms, weights = [0.0], [1.0 / (len(starts) + 1)]
    for number, groups in enumerate(starts):
        bets = np.array([log_e_by_bet(group, rate) for group in groups])
        held = np.where(capped[:, np.newaxis], np.minimum(bets, 0.0), bets)
        together = log_mean_exp(held.sum(axis=0), _LOG_WEIGHTS)
        each = np.array([log_mean_exp(row, _LOG_WEIGHTS) for row in held])
        apart = log_mean_exp(each, np.full(len(each), -math.log(len(each))))
        weight = 1.0 / ((number + 1) * (number + 2))
        terms += [together, apart]
        weights += [weight / 2, weight / 2]
    return float(log_mean_exp(np.array(terms), np.log(np.array(weights))))


def burn_rate(spending: Spending, rate: float) -> float:
    """How many times faster than declared; 0 for no session.

    >>> round(burn_rate(Spending(200, 40.0), 0.1), 6)
    2.0
    """
    return spending.spent / spending.sessions / rate if spending.sessions else 0.0
