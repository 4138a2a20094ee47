"""The verdict on a rollout: pure functions over arrays of log-e sums, called by the guard and by its trials.

The family is cohorts × guardrails with fixed shares. P(Harmful anywhere, ever | no guardrail worse than its tolerance
in any cohort) ≤ α. P(promoted | some guardrail at or beyond its tolerance in some stratum) ≤ β, because promotion
needs every one of them non-inferior at β (intersection–union). Conditions: those of `two_sample`.
Evidence that must not be judged (`usable` false) counts as e = 0 on both sides: it can neither take back nor promote.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats, add_saturating
from homeostat.detectors.statistics.closed_test import reject_by_share, reject_closed, share_limit
from homeostat.detectors.statistics.e_shiryaev_roberts import Flags
from homeostat.detectors.statistics.mixture import mixture_log_e

Sums = NDArray[np.int64]


class Judgement(NamedTuple):
    """What the evidence says: arrays [cohort, guardrail], log-e and limits in nats.

    `harmful_alone`: rejected at its share alone; `harmful`: rejected by the closed test, a superset of it.
    """

    log_e_harmful: Floats
    log_e_non_inferior: Floats
    limit_harmful: Floats
    limit_non_inferior: float
    harmful_alone: Flags
    harmful: Flags
    non_inferior: Flags


def equal_shares(cohorts: int, guardrails: int) -> Floats:
    """Give every member of the family the same share of α: float64 [cohort, guardrail] summing to 1.

    >>> equal_shares(2, 2).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    return np.full((cohorts, guardrails), 1.0 / max(cohorts * guardrails, 1))


@compiled
def log_e_table(sums: Sums, usable: Flags) -> Floats:
    """Give the mixture log-e in nats, [cohort, guardrail], of sums int64 [cohort, guardrail, 6]; −inf where unusable.

    >>> log_e_table(np.zeros((1, 2, 6), np.int64), np.array([[True, False]])).round(9).tolist()
    [[0.0, -inf]]
    """
    out = np.full(usable.shape, -math.inf)
    for cohort in range(usable.shape[0]):
        for guardrail in range(usable.shape[1]):
            if usable[cohort, guardrail]:
                out[cohort, guardrail] = mixture_log_e(sums[cohort, guardrail])
    return out


@compiled
def find_harmful(log_e_harmful: Floats, shares: Floats, alpha: float) -> tuple[Flags, Flags]:
    """Give (rejected at its share alone, rejected by the closed test), bool [cohort, guardrail] each.

    >>> alone, closed = find_harmful(np.log(np.array([[30.0, 30.0]])), equal_shares(1, 2), 0.05)
    >>> alone.tolist(), closed.tolist()
    ([[False, False]], [[True, True]])
    """
    flat, flat_shares = log_e_harmful.ravel(), shares.ravel()
    alone = reject_by_share(flat, flat_shares, alpha)
    closed = reject_closed(flat, flat_shares, alpha)
    return alone.reshape(log_e_harmful.shape), (alone | closed).reshape(log_e_harmful.shape)


@compiled
def find_non_inferior(log_e_non_inferior: Floats, beta: float) -> Flags:
    """Give where E ≥ 1/β, bool [stratum, guardrail].

    >>> find_non_inferior(np.log(np.array([[21.0, 19.0]])), 0.05).tolist()
    [[True, False]]
    """
    flags: Flags = log_e_non_inferior >= -math.log(beta)
    return flags


def judge(
    harmful_sums: Sums, non_inferior_sums: Sums, usable: Flags, shares: Floats, alpha: float, beta: float
) -> Judgement:
    """Judge sums of log-e, int64 [cohort, guardrail, 6], at 2⁻³² nats; may be called as often as one likes.

    `usable` bool and `shares` float64 are [cohort, guardrail], Σ shares ≤ 1 fixed before the rollout began.
    Raises `ValueError` when shares exceed 1, or α or β is outside (0, 1).

    >>> zeros = np.zeros((1, 1, 6), np.int64)
    >>> verdict = judge(zeros, zeros, np.ones((1, 1), np.bool_), equal_shares(1, 1), 0.05, 0.05)
    >>> bool(verdict.harmful.any()), bool(verdict.non_inferior.all())
    (False, False)
    """
    if not (0.0 < alpha < 1.0 and 0.0 < beta < 1.0):
        raise ValueError(f"alpha {alpha} and beta {beta} must lie in (0, 1)")
    if shares.min(initial=0.0) < 0.0 or shares.sum() > 1.0 + 1e-9:
        raise ValueError(f"shares of alpha sum to {shares.sum()}, at most 1 is declared")
    log_e_harmful = log_e_table(harmful_sums, usable)
    log_e_non_inferior = log_e_table(non_inferior_sums, usable)
    alone, closed = find_harmful(log_e_harmful, shares, alpha)
    limits = np.array([share_limit(float(share), alpha) for share in shares.ravel()]).reshape(shares.shape)
    return Judgement(
        log_e_harmful,
        log_e_non_inferior,
        limits,
        -math.log(beta),
        alone,
        closed,
        find_non_inferior(log_e_non_inferior, beta),
    )


def may_promote(judgement: Judgement, *, held: bool = False) -> bool:
    """Tell whether every guardrail in every stratum is non-inferior, none harmful, and nothing holds the rollout.

    `held`: sample-ratio mismatch, failing yield, a source that is not fresh. No cohorts or no guardrails: never.

    >>> zeros = np.zeros((0, 0, 6), np.int64)
    >>> may_promote(judge(zeros, zeros, np.ones((0, 0), np.bool_), equal_shares(0, 0), 0.05, 0.05))
    False
    """
    if held or judgement.non_inferior.size == 0:
        return False
    return bool(judgement.non_inferior.all() and not judgement.harmful.any())


def pool_strata(sums: Sums, stratum_of: NDArray[np.int64], strata: int) -> Sums:
    """Add cohorts' sums into declared strata: int64 [cohort, guardrail, 6] to [stratum, guardrail, 6].

    Assumes the effect is the same in all cohorts of a stratum: pooled, a mean at tolerance can hide a leaf far beyond
    it; the caller prints that with the verdict. Saturating.

    >>> pool_strata(np.ones((3, 1, 1), np.int64), np.array([0, 1, 1]), 2).ravel().tolist()
    [1, 2]
    """
    out = np.zeros((strata, *sums.shape[1:]), np.int64)
    for cohort, stratum in enumerate(stratum_of):
        row, added = out[stratum].ravel(), sums[cohort].ravel()
        out[stratum] = np.array([add_saturating(int(a), int(b)) for a, b in zip(row, added, strict=True)]).reshape(
            out[stratum].shape
        )
    return out
