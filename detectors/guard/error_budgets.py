"""Error budgets of a rollout: what its candidate's sessions have spent, by period, and whether that is too fast."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import decode_value
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.rollout_state import Guardrail, PeriodMark, Plan
from homeostat.detectors.statistics.burn_rate import Spending, burn_log_e, burn_rate
from homeostat.schemas.decision import BudgetSpent
from homeostat.schemas.evidence import Evidence

MAX_PERIODS = 64
"""Beyond these no further bet begins; those that have begun go on, so the test keeps its level."""

Parts = Callable[[CohortKey], Sequence[Evidence]]
"""What every source says of a cohort now."""


class Clock(NamedTuple):
    """When exposure began, and now (log time, ms)."""

    begun_ms: int
    now_ms: int


def mark_periods(plan: Plan, marks: tuple[PeriodMark, ...], clock: Clock, parts: Parts) -> tuple[PeriodMark, ...]:
    """The marks with those of the periods that have begun since: what had been spent when each was first seen."""
    for guardrail in plan.guardrails:
        if guardrail.budget is None:
            continue
        own = [mark for mark in marks if mark.signal == guardrail.signal]
        period = _period_of(guardrail.budget.period_s, clock)
        if len(own) >= MAX_PERIODS or any(mark.period >= period for mark in own):
            continue
        spent = [_spending(guardrail, parts(cohort)) for cohort in plan.cohorts] if own else []
        sums = tuple((each.sessions, each.spent) for each in spent)
        marks = (*marks, PeriodMark(signal=guardrail.signal, period=period, sums=sums))
    return marks


def judge_spending(
    plan: Plan, marks: Sequence[PeriodMark], clock: Clock, parts: Parts, capped: Collection[CohortKey] = ()
) -> tuple[BudgetSpent, ...]:
    """Every budget of the plan as it stands: of `capped` cohorts only what speaks for them counts as evidence.

    The cohorts are always all of the plan's: to leave one out afterwards would be to choose by what it showed.
    """
    return tuple(
        _judge(plan, guardrail, [mark for mark in marks if mark.signal == guardrail.signal], clock, parts, capped)
        for guardrail in plan.guardrails
        if guardrail.budget is not None
    )


def _judge(
    plan: Plan,
    guardrail: Guardrail,
    marks: Sequence[PeriodMark],
    clock: Clock,
    parts: Parts,
    capped: Collection[CohortKey],
) -> BudgetSpent:
    budget = guardrail.budget
    assert budget is not None
    said = {cohort: parts(cohort) for cohort in plan.cohorts}
    now = [_spending(guardrail, said[cohort]) for cohort in plan.cohorts]
    held = np.array([cohort in capped or any(part.unusable for part in said[cohort]) for cohort in plan.cohorts])
    starts = [_since(mark, now) for mark in marks]
    recent = _add_up(starts[-1] if starts else now)
    burn = burn_rate(recent, budget.rate)
    elapsed_s = (clock.now_ms - clock.begun_ms) / 1000 - _period_of(budget.period_s, clock) * budget.period_s
    return BudgetSpent(
        signal=guardrail.signal,
        rate=budget.rate,
        period_s=budget.period_s,
        sessions=recent.sessions,
        spent=recent.spent,
        burn_rate=burn,
        left_ratio=1.0 - burn * elapsed_s / budget.period_s,
        log_e=burn_log_e(starts, budget.rate, held),
        limit=-float(np.log(budget.alpha)),
    )


def _period_of(period_s: float, clock: Clock) -> int:
    return max(0, int((clock.now_ms - clock.begun_ms) / 1000 // period_s))


def _spending(guardrail: Guardrail, parts: Sequence[Evidence]) -> Spending:
    """What the candidate's sessions in one cohort have spent, harm up."""
    said = [part.guardrails[guardrail.signal] for part in parts if guardrail.signal in part.guardrails]
    sessions = sum(each.candidate_sessions for each in said)
    total = min(max(decode_value(sum(each.candidate_sum for each in said)), 0.0), float(sessions))
    return Spending(sessions, sessions - total if guardrail.harm_is_low else total)


def _since(mark: PeriodMark, now: Sequence[Spending]) -> list[Spending]:
    """What was spent since a mark; the first has nothing before it."""
    before = [Spending(*sums) for sums in mark.sums] or [Spending(0, 0.0)] * len(now)
    return [
        Spending(max(0, at.sessions - was.sessions), max(0.0, at.spent - was.spent))
        for at, was in zip(now, before, strict=True)
    ]


def _add_up(groups: Sequence[Spending]) -> Spending:
    return Spending(sum(group.sessions for group in groups), sum(group.spent for group in groups))
