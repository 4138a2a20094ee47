"""The watch over what was promoted: its guardrails against the baseline that was sealed before it, for a declared time.

There is no control any more, so a session is held against the cohort's own baseline: `beyond` of `return_test` bets
that its mean is worse by more than the tolerance. Guarantee: P(ever taken back by the watch | no guardrail worse than
its tolerance in any promoted cohort) ≤ `WATCH_PART` of α, shared equally by guardrails × cohorts of the plan, however
often one looks, while the baselines' bounds hold. What else changes in the world after a promotion counts as well.
"""

import math
from collections.abc import Sequence

import numpy as np

from homeostat.detectors.guard.assess import Assessed, Cell
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.intents import find_targets
from homeostat.detectors.guard.judge import Finding, Judgement
from homeostat.detectors.guard.measure import CohortMeasure, GuardrailMeasure
from homeostat.detectors.guard.rollout_state import Plan, RolloutState
from homeostat.detectors.statistics.bets import GUARD_BETS
from homeostat.detectors.statistics.sample_ratio import RATIO_BETS
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.effect import Aftermath, WatchedSignal
from homeostat.schemas.rollout import OnHarm


def find_regression(state: RolloutState, report: Aftermath) -> Judgement | None:
    """What a report of a promoted cohort says, with the finding that takes it back; None where it is fine."""
    settled = set(state.settled)
    if state.plan is None or (report.tenant, report.specialty, report.workflow) not in settled:
        return None
    cohort = _assess(state.plan, report)
    harmful = tuple(cell for cell in cohort.cells if cell.health is Health.HARMFUL)
    if not harmful:
        return None
    whole = state.plan.rollout.on_harm is OnHarm.ROLLOUT
    back = settled if whole else _widen(state.plan, {cohort.measure.cohort}, settled)
    finding = Finding(Verdict.REGRESSED, _describe(harmful), harmful, tuple(sorted(back)))
    return Judgement(Health.HARMFUL, (cohort,), (), finding, ((report.source_partition, report.mark),))


def find_limit(plan: Plan) -> float:
    """The log-e (nats) at which one guardrail of one cohort takes back what was promoted; ∞ where none is watched."""
    if plan.watch_alpha == 0.0:
        return math.inf
    return math.log(len(plan.cohorts) * len(plan.guardrails) / plan.watch_alpha)


def _widen(plan: Plan, cohorts: set[CohortKey], settled: set[CohortKey]) -> set[CohortKey]:
    """A promotion is of a whole target, and so is its end."""
    places = {(entry.target.tenant, entry.target.workflow) for entry in find_targets(plan.rollout, cohorts)}
    return {cohort for cohort in settled if (cohort[0], cohort[2]) in places}


def _assess(plan: Plan, report: Aftermath) -> Assessed:
    limit = find_limit(plan)
    tolerances = {guardrail.signal: guardrail.tolerance for guardrail in plan.guardrails}
    watched = [each for each in report.signals if each.signal in tolerances]
    guardrails = tuple(_measure(each) for each in watched)
    measure = _enclose(report, guardrails)
    cells = tuple(
        Cell(
            measure,
            guardrail,
            Health.HARMFUL if each.beyond >= limit else Health.INCONCLUSIVE,
            each.beyond,
            limit,
            each.within,
            math.log(1.0 / plan.rollout.beta),
        )
        for each, guardrail in zip(watched, guardrails, strict=True)
    )
    health = Health.HARMFUL if any(cell.health is Health.HARMFUL for cell in cells) else Health.INCONCLUSIVE
    return Assessed(measure, cells, health, 0.0)


def _measure(each: WatchedSignal) -> GuardrailMeasure:
    known = each.mean is not None and each.baseline is not None
    change = abs((each.mean or 0.0) - (each.baseline or 0.0)) if known else None
    return GuardrailMeasure(each.signal, each.tolerance, each.sessions, change)


def _enclose(report: Aftermath, guardrails: tuple[GuardrailMeasure, ...]) -> CohortMeasure:
    sums = np.zeros((len(guardrails), GUARD_BETS), np.int64)
    place = report.tenant, report.specialty, report.workflow
    return CohortMeasure(place, guardrails, sums, sums, np.zeros(RATIO_BETS, np.int64), 0, 0, 0, 0, None, None)


def _describe(harmful: Sequence[Cell]) -> str:
    worst = max(harmful, key=lambda cell: cell.log_e_harmful)
    measure = worst.measure
    change = "unknown" if measure.mean_difference is None else f"{measure.mean_difference:.3f}"
    more = f"; and {len(harmful) - 1} more" if len(harmful) > 1 else ""
    return (
        f"after promotion {measure.signal} is {change} off its sealed baseline > {measure.tolerance:g} "
        f"(n={measure.pairs} sessions, log-e {worst.log_e_harmful:.1f} ≥ {worst.limit_harmful:.1f}) "
        f"in {'/'.join(worst.cohort.cohort)}{more}"
    )
