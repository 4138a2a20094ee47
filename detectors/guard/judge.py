"""Judge: from measures to states and to at most one verdict. A pure function; nothing is written here."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import LIMIT
from homeostat.detectors.guard import reasons
from homeostat.detectors.guard.measure import CohortMeasure, GuardrailMeasure
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.detectors.statistics import verdict
from homeostat.detectors.statistics.mixture import log_mean_exp
from homeostat.detectors.statistics.sample_ratio import ratio_log_e
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.rollout import RolloutPhase

RATIO_ALPHA = 0.001
"""The chance of holding a rollout for a sample-ratio mismatch that is none; beside α and β, not out of them."""
MIN_STARTS = 20
"""Sessions of an arm before its yield is judged."""
_GRAVEST_FIRST = (
    Health.HARMFUL,
    Health.ERROR,
    Health.NO_DATA,
    Health.LOW_POWER,
    Health.INCONCLUSIVE,
    Health.HEALTHY,
)


class Situation(NamedTuple):
    """What is not evidence: where the rollout stands, which sources are stale, what of its budget is used."""

    phase: RolloutPhase
    held_for: Verdict | None
    stale: Sequence[int]
    exposed_s: float
    overdue_s: float


class Cell(NamedTuple):
    """One guardrail in one cohort, judged: log-e (0, e = 1, where it must not be judged) and limits in nats."""

    cohort: CohortMeasure
    measure: GuardrailMeasure
    health: Health
    log_e_harmful: float
    limit_harmful: float
    log_e_non_inferior: float
    limit_non_inferior: float


class Judgement(NamedTuple):
    """`verdict` is what must be decided now, or None; `renewable` whether exposure may go on until the next look."""

    health: Health
    verdict: Verdict | None
    deciding: tuple[Cell, ...]
    cells: tuple[Cell, ...]
    reason: str
    renewable: bool


class Finding(NamedTuple):
    """A verdict and the sentence that gives its numbers."""

    verdict: Verdict
    reason: str
    deciding: tuple[Cell, ...] = ()


def judge(plan: Plan, cohorts: Sequence[CohortMeasure], situation: Situation) -> Judgement:
    """States of every guardrail and cohort, and the gravest verdict that the evidence and the budget call for.

    α is shared equally by guardrails × cohorts; each may reject at its share alone. β holds for each on its own.
    """
    cells = _assess(plan, cohorts, bool(situation.stale))
    found = {cell.health for cell in cells}
    health = next(state for state in _GRAVEST_FIRST if state in found)
    finding = _find(plan, cohorts, cells, health, situation)
    return Judgement(
        health,
        None if finding is None else finding.verdict,
        () if finding is None else finding.deciding,
        cells,
        reasons.describe(health, cells, situation.stale) if finding is None else finding.reason,
        renewable=finding is None and health not in (Health.ERROR, Health.NO_DATA),
    )


def _assess(plan: Plan, cohorts: Sequence[CohortMeasure], stale: bool) -> tuple[Cell, ...]:
    guardrails = len(plan.guardrails)
    may = np.array([cohort.error is None and cohort.unusable is None for cohort in cohorts])
    usable = np.repeat(may, guardrails).reshape(-1, guardrails)
    judged = verdict.judge(
        np.stack([cohort.harmful for cohort in cohorts]),
        np.stack([cohort.non_inferior for cohort in cohorts]),
        usable,
        verdict.equal_shares(len(cohorts), guardrails),
        plan.rollout.alpha,
        plan.rollout.beta,
    )
    return tuple(
        Cell(
            cohort,
            measure,
            _state(cohort, measure, bool(judged.harmful_alone[i, j]), bool(judged.non_inferior[i, j]), stale, plan),
            float(judged.log_e_harmful[i, j]) if usable[i, j] else 0.0,
            float(judged.limit_harmful[i, j]),
            float(judged.log_e_non_inferior[i, j]) if usable[i, j] else 0.0,
            judged.limit_non_inferior,
        )
        for i, cohort in enumerate(cohorts)
        for j, measure in enumerate(cohort.guardrails)
    )


def _state(
    cohort: CohortMeasure, measure: GuardrailMeasure, harmful: bool, non_inferior: bool, stale: bool, plan: Plan
) -> Health:
    """Harm needs no fresh sources: what has been shown stays shown. Everything else does."""
    if cohort.error is not None:
        return Health.ERROR
    if cohort.unusable is not None:
        return Health.NO_DATA
    if harmful:
        return Health.HARMFUL
    if stale:
        return Health.NO_DATA
    if measure.pairs < plan.rollout.min_pairs:
        return Health.LOW_POWER
    return Health.HEALTHY if non_inferior else Health.INCONCLUSIVE


def _find(
    plan: Plan, cohorts: Sequence[CohortMeasure], cells: tuple[Cell, ...], health: Health, situation: Situation
) -> Finding | None:
    """In this order: a broken comparison, harm, too few traces, an expired lease, health, a budget that is used up."""
    exposing = situation.phase is RolloutPhase.EXPOSING
    if exposing and (mismatch := find_ratio_mismatch(plan, cohorts)) is not None:
        return Finding(Verdict.SAMPLE_RATIO, mismatch)
    if health is Health.HARMFUL and situation.held_for is not Verdict.SAMPLE_RATIO:
        harmful = tuple(cell for cell in cells if cell.health is Health.HARMFUL)
        return Finding(Verdict.HARMFUL, reasons.describe_harm(harmful), harmful)
    if exposing and (low := find_low_yield(plan, cohorts)) is not None:
        return Finding(Verdict.LOW_YIELD, low)
    if exposing and situation.overdue_s >= 0:
        return Finding(Verdict.LAPSE, reasons.describe_lapse(situation.overdue_s, health, situation.stale))
    if exposing and health is Health.HEALTHY:
        return Finding(Verdict.HEALTHY, reasons.describe_promotion(cells))
    return _find_used_up(plan, cohorts, health, situation)


def _find_used_up(plan: Plan, cohorts: Sequence[CohortMeasure], health: Health, situation: Situation) -> Finding | None:
    if situation.exposed_s >= plan.rollout.max_duration_s:
        return Finding(
            Verdict.TIMEOUT,
            f"{situation.exposed_s:.1f} s since exposure began ≥ {plan.rollout.max_duration_s:g} s: {health}",
        )
    exposed = sum(cohort.candidate_starts for cohort in cohorts)
    if exposed >= plan.rollout.max_sessions:
        return Finding(Verdict.TIMEOUT, f"{exposed} candidate sessions ≥ {plan.rollout.max_sessions}: {health}")
    return None


def find_ratio_mismatch(plan: Plan, cohorts: Sequence[CohortMeasure]) -> str | None:
    """The reason for a sample-ratio mismatch at level `RATIO_ALPHA`, or None.

    Half of the mixture is the product over all cohorts (a gateway that splits wrongly everywhere), half the mean over
    cohorts (one that does so somewhere); both have mean at most 1 while every session keeps its share.
    """
    sums = np.stack([cohort.ratio for cohort in cohorts])
    together = np.array([max(-LIMIT, min(LIMIT, sum(column))) for column in sums.T.tolist()], dtype=np.int64)
    apart = np.array([ratio_log_e(row) for row in sums])
    mean = log_mean_exp(apart, np.full(len(cohorts), -math.log(len(cohorts))))
    log_e = float(log_mean_exp(np.array([ratio_log_e(together), mean]), np.full(2, -math.log(2))))
    if log_e < -math.log(RATIO_ALPHA):
        return None
    starts = sum(cohort.candidate_starts for cohort in cohorts)
    total = starts + sum(cohort.control_starts for cohort in cohorts)
    return reasons.describe_ratio(starts, total, plan.rollout.share, log_e, -math.log(RATIO_ALPHA))


def find_low_yield(plan: Plan, cohorts: Sequence[CohortMeasure]) -> str | None:
    """The reason why too few started sessions leave a trace, or None: over both arms, or candidate against control.

    The guardrail on yield has its own test with its own error; this one needs no pair and catches silence.
    """
    starts = (sum(c.candidate_starts for c in cohorts), sum(c.control_starts for c in cohorts))
    missing = (sum(c.candidate_missing for c in cohorts), sum(c.control_missing for c in cohorts))
    limit = plan.rollout.min_yield_ratio
    overall = _yield(sum(starts), sum(missing))
    if overall is not None and overall < limit:
        return f"trace yield {overall:.2f} < {limit:.2f} (n={sum(starts)} sessions of both arms)"
    candidate, control = _yield(starts[0], missing[0]), _yield(starts[1], missing[1])
    if candidate is not None and control is not None and candidate < limit * control:
        return (
            f"candidate's trace yield {candidate:.2f} < {limit:.2f} × control's {control:.2f} (n={starts[0]} sessions)"
        )
    return None


def _yield(starts: int, missing: int) -> float | None:
    return None if starts < MIN_STARTS else 1.0 - missing / starts
