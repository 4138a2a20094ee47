"""The verdict on a rollout: pure functions over arrays of log-e sums, called by the guard and by its trials.

Harmful. The family is cohorts × guardrails with fixed shares of α, and beside it, for a declared part of α
(`POOLED_PART`, one half), one pooled member for each guardrail: its log-e per bet added over all cohorts. A product
of e-values of cohorts that are independent given the past, each read at stopping times of its own, is an e-value of
'this guardrail is no worse than its tolerance in any cohort', the very null that α is declared for; so P(Harmful,
ever | no guardrail worse than its tolerance in any cohort) ≤ α. A rejected pooled member says that the guardrail is
harmful in some cohort, not in which: it takes back the rollout. A rejected cell takes back its cohort.
Promotion. P(promoted | some guardrail at or beyond its tolerance in some stratum) ≤ β, because each of them must be
non-inferior at β (intersection–union). Conditions: those of `two_sample`.
Evidence that must not be judged (`usable` false) counts as e = 0 in its cell, and in a pooled product as e or 1,
whichever is less: whatever made it unusable, it can neither take back nor promote.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats, add_saturating
from homeostat.detectors.statistics.closed_test import reject_by_share, reject_closed, share_limit
from homeostat.detectors.statistics.e_shiryaev_roberts import Flags
from homeostat.detectors.statistics.mixture import mixture_log_e, mixture_log_es

Sums = NDArray[np.int64]

POOLED_PART = 0.5


class Judgement(NamedTuple):
    """What the evidence says: arrays [cohort, guardrail], log-e and limits in nats.

    `harmful_alone`: rejected at its share alone; `harmful`: rejected by the closed test, a superset of it. `pooled`
    ones are arrays [guardrail]: rejected there means harmful in some cohort.
    """

    log_e_harmful: Floats
    log_e_non_inferior: Floats
    limit_harmful: Floats
    limit_non_inferior: float
    harmful_alone: Flags
    harmful: Flags
    non_inferior: Flags
    log_e_pooled: Floats
    limit_pooled: Floats
    harmful_pooled: Flags

    @property
    def any_harmful(self) -> bool:
        """Whether the rollout is Harmful, in a cohort that is named or in one that is not."""
        return bool(self.harmful.any() or self.harmful_pooled.any())


class PooledHarm(NamedTuple):
    """The pooled members, arrays [guardrail], nats; `harmful`: rejected at its share alone."""

    log_e: Floats
    limit: Floats
    harmful: Flags


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
def pool_sums(sums: Sums, usable: Flags) -> Sums:
    """Add sums of log-e over cohorts, [cohort, guardrail, bet] to [guardrail, bet]; unusable ones as min(sum, 0).

    >>> pool_sums(np.array([[[5]], [[-2]], [[7]]]), np.array([[True], [False], [False]])).tolist()
    [[3]]
    """
    out = np.zeros(sums.shape[1:], np.int64)
    for cohort in range(sums.shape[0]):
        for guardrail in range(sums.shape[1]):
            for bet in range(sums.shape[2]):
                added = sums[cohort, guardrail, bet]
                if not usable[cohort, guardrail]:
                    added = min(added, 0)
                out[guardrail, bet] = add_saturating(out[guardrail, bet], added)
    return out


@compiled
def split_shares(shares: Floats, pooled_part: float) -> tuple[Floats, Floats]:
    """Split shares [cohort, guardrail] of all of α into those of the cells and those of the pooled members.

    One cohort keeps all of it.

    >>> cells, pooled = split_shares(equal_shares(2, 2), 0.5); float(cells.sum()), pooled.tolist()
    (0.5, [0.25, 0.25])
    """
    part = pooled_part if shares.shape[0] > 1 else 0.0
    return shares * (1.0 - part), shares.sum(axis=0) * part


@compiled
def find_harmful(
    log_e_cells: Floats, log_e_pooled: Floats, shares: Floats, pooled_part: float, alpha: float
) -> tuple[Flags, Flags, Flags]:
    """Give (cells rejected at their share alone, cells by the closed test, pooled members by the closed test).

    `log_e_cells` and `shares` [cohort, guardrail], `log_e_pooled` [guardrail], nats. The closed test is over cells and
    pooled members together.

    >>> cells, pooled = np.log(np.array([[90.0], [30.0]])), np.log(np.array([2700.0]))
    >>> [flags.tolist() for flags in find_harmful(cells, pooled, equal_shares(2, 1), 0.5, 0.05)]
    [[[True], [False]], [[True], [True]], [True]]
    """
    of_cells, of_pooled = split_shares(shares, pooled_part)
    alone = reject_by_share(log_e_cells.ravel(), of_cells.ravel(), alpha)
    log_es = np.concatenate((log_e_cells.ravel(), log_e_pooled))
    closed = reject_closed(log_es, np.concatenate((of_cells.ravel(), of_pooled)), alpha)
    cells = closed[: log_e_cells.size] | alone
    pooled = closed[log_e_cells.size :]
    return alone.reshape(log_e_cells.shape), cells.reshape(log_e_cells.shape), pooled


@compiled
def find_non_inferior(log_e_non_inferior: Floats, beta: float) -> Flags:
    """Give where E ≥ 1/β, bool [stratum, guardrail].

    >>> find_non_inferior(np.log(np.array([[21.0, 19.0]])), 0.05).tolist()
    [[True, False]]
    """
    flags: Flags = log_e_non_inferior >= -math.log(beta)
    return flags


def judge(
    harmful_sums: Sums,
    non_inferior_sums: Sums,
    usable: Flags,
    shares: Floats,
    alpha: float,
    beta: float,
    *,
    pooled_part: float = 0.0,
) -> Judgement:
    """Judge sums of log-e, int64 [cohort, guardrail, 6], at 2⁻³² nats; may be called as often as one likes.

    `usable` bool and `shares` float64 are [cohort, guardrail], Σ shares ≤ 1; `pooled_part` of α goes to the pooled
    members. All are fixed before the rollout began. Raises `ValueError` when shares exceed 1, α or β is outside (0, 1),
    or `pooled_part` outside [0, 1).

    >>> zeros = np.zeros((1, 1, 6), np.int64)
    >>> verdict = judge(zeros, zeros, np.ones((1, 1), np.bool_), equal_shares(1, 1), 0.05, 0.05)
    >>> bool(verdict.harmful.any()), bool(verdict.non_inferior.all())
    (False, False)
    """
    if not (0.0 < alpha < 1.0 and 0.0 < beta < 1.0):
        raise ValueError(f"alpha {alpha} and beta {beta} must lie in (0, 1)")
    if not 0.0 <= pooled_part < 1.0:
        raise ValueError(f"pooled_part {pooled_part} of alpha must lie in [0, 1)")
    if shares.min(initial=0.0) < 0.0 or shares.sum() > 1.0 + 1e-9:
        raise ValueError(f"shares of alpha sum to {shares.sum()}, at most 1 is declared")
    log_e_harmful = log_e_table(harmful_sums, usable)
    log_e_non_inferior = log_e_table(non_inferior_sums, usable)
    log_e_pooled = mixture_log_es(pool_sums(harmful_sums, usable))
    of_cells, of_pooled = split_shares(shares, pooled_part)
    alone, closed, pooled = find_harmful(log_e_harmful, log_e_pooled, shares, pooled_part, alpha)
    return Judgement(
        log_e_harmful,
        log_e_non_inferior,
        _limits(of_cells, alpha),
        -math.log(beta),
        alone,
        closed,
        find_non_inferior(log_e_non_inferior, beta),
        log_e_pooled,
        _limits(of_pooled, alpha),
        pooled,
    )


def judge_pooled(harmful_sums: Sums, usable: Flags, shares: Floats, alpha: float, pooled_part: float) -> PooledHarm:
    """Judge the pooled members at their shares alone, for a caller that judges cohorts one by one.

    Arguments as in `judge`. Cells must then have their part only: `split_shares(shares, pooled_part)[0]`.

    >>> zeros, usable = np.zeros((2, 1, 6), np.int64), np.ones((2, 1), np.bool_)
    >>> judge_pooled(zeros, usable, equal_shares(2, 1), 0.05, 0.5).limit.round(3).tolist()
    [3.689]
    """
    log_e = mixture_log_es(pool_sums(harmful_sums, usable))
    of_pooled = split_shares(shares, pooled_part)[1]
    return PooledHarm(log_e, _limits(of_pooled, alpha), reject_by_share(log_e, of_pooled, alpha))


def _limits(shares: Floats, alpha: float) -> Floats:
    return np.array([share_limit(float(share), alpha) for share in shares.ravel()]).reshape(shares.shape)


def may_promote(judgement: Judgement, *, held: bool = False) -> bool:
    """Tell whether every guardrail in every stratum is non-inferior, none harmful, and nothing holds the rollout.

    `held`: sample-ratio mismatch, failing yield, a source that is not fresh. No cohorts or no guardrails: never.

    >>> zeros = np.zeros((0, 0, 6), np.int64)
    >>> may_promote(judge(zeros, zeros, np.ones((0, 0), np.bool_), equal_shares(0, 0), 0.05, 0.05))
    False
    """
    if held or judgement.non_inferior.size == 0:
        return False
    return bool(judgement.non_inferior.all() and not judgement.any_harmful)


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
