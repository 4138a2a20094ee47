"""How many notes other tests need to take a harmful release back, at the same level: one guardrail, one cohort.

Differences d of pairs in [−1, 1], the null E d ≤ τ. All use the level α of one member of the family.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from homeostat.detectors.statistics.bets import GUARD_LOG_WEIGHTS, guard_stakes

Floats = NDArray[np.float64]
TUNED_FOR = 500
"""Pairs for which the confidence sequence is narrowest; a platform's usual default is of that order."""


class Case(NamedTuple):
    """Pairs [rollout, pair] at a tolerance, the mean and deviation of the law that they are drawn from."""

    d: Floats
    tolerance: float
    alpha: float
    mean: float
    deviation: float
    law: Floats


def first_crossing(crossed: NDArray[np.bool_]) -> Floats:
    """The pair, from 1, at which each row is first true; inf for never."""
    at = crossed.argmax(axis=1) + 1.0
    return np.where(crossed.any(axis=1), at, math.inf)


def ours(case: Case) -> Floats:
    """The guard's mixture of bets, as `two_sample` and `mixture` have it, looked at after every pair."""
    stakes = guard_stakes(case.tolerance)[0]
    log_e = np.full(case.d.shape, -math.inf)
    for stake, log_weight in zip(stakes, GUARD_LOG_WEIGHTS, strict=True):
        log_e = np.logaddexp(log_e, log_weight + np.log1p(stake * (case.d - case.tolerance)).cumsum(axis=1))
    return first_crossing(log_e >= -math.log(case.alpha))


def best_sprt(case: Case) -> Floats:
    """Wald's test for two arms of which nothing is known but the range, by one who knows how harmful the candidate is.

    The likelihood ratio of the true law to the nearest one with mean τ is 1 + λ(d − τ) with the best λ: no test of
    'E d ≤ τ' grows faster (KL_inf).
    """
    excess, most = case.law - case.tolerance, 1.0 / (1.0 + case.tolerance)
    found = optimize.minimize_scalar(
        lambda stake: -float(np.log1p(stake * excess).mean()), bounds=(0.0, most * (1.0 - 1e-9)), method="bounded"
    )
    return first_crossing(np.log1p(found.x * (case.d - case.tolerance)).cumsum(axis=1) >= -math.log(case.alpha))


def gaussian_sprt(case: Case) -> Floats:
    """Wald's test as if differences were normal with a known deviation and a known mean: no guarantee here."""
    shift, middle = case.mean - case.tolerance, (case.mean + case.tolerance) / 2.0
    steps = shift / case.deviation**2 * (case.d - middle)
    return first_crossing(steps.cumsum(axis=1) >= -math.log(case.alpha))


def fixed_horizon(case: Case) -> Floats:
    """A z-test at the one look for which it has 95 % power at the true effect; a rollout that it misses never ends."""
    needed = stats.norm.ppf(1.0 - case.alpha) + stats.norm.ppf(0.95)
    pairs = math.ceil((needed * case.deviation / (case.mean - case.tolerance)) ** 2)
    if pairs > case.d.shape[1] or pairs < 2:
        return np.full(len(case.d), math.inf)
    seen = case.d[:, :pairs]
    z = (seen.mean(axis=1) - case.tolerance) / (seen.std(axis=1, ddof=1) / math.sqrt(pairs))
    return np.where(z >= stats.norm.ppf(1.0 - case.alpha), float(pairs), math.inf)


def sequential_interval(case: Case) -> Floats:
    """Asymptotic confidence sequences, as experiment platforms use them; one-sided by 2α, after 30 pairs."""
    level = 2.0 * case.alpha
    rho2 = (-2.0 * math.log(level) + math.log(-2.0 * math.log(level) + 1.0)) / TUNED_FOR
    n = np.arange(1, case.d.shape[1] + 1)
    mean, deviation = _running(case.d)
    width = deviation * np.sqrt(2.0 * (n * rho2 + 1.0) / (n**2 * rho2) * np.log(np.sqrt(n * rho2 + 1.0) / level))
    return first_crossing((mean - width > case.tolerance) & (n >= 30))


def repeated_t(case: Case) -> Floats:
    """A t-test after every pair from the tenth on, as if each were the only one: its level is not α."""
    n = np.arange(1, case.d.shape[1] + 1)
    mean, deviation = _running(case.d)
    limit = stats.t.ppf(1.0 - case.alpha, np.maximum(n - 1, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (mean - case.tolerance) / (deviation / np.sqrt(n))
    return first_crossing((t > limit) & (n >= 10))


TESTS: Mapping[str, Callable[[Case], Floats]] = {
    "ours": ours,
    "best SPRT": best_sprt,
    "normal SPRT": gaussian_sprt,
    "fixed horizon": fixed_horizon,
    "sequential interval": sequential_interval,
    "repeated t": repeated_t,
}


def _running(d: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each row up to each pair."""
    n = np.arange(1, d.shape[1] + 1)
    mean = d.cumsum(axis=1) / n
    variance = np.maximum((d**2).cumsum(axis=1) / n - mean**2, 0.0) * n / np.maximum(n - 1, 1)
    return mean, np.sqrt(variance)
