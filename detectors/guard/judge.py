"""Judge: from measures to states and to at most one verdict. A pure function; nothing is written here."""

import math
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.fixed_point import LIMIT
from homeostat.detectors.guard import reasons
from homeostat.detectors.guard.assess import GRAVEST_FIRST, Assessed, Cell, Pooled, pool_harm, set_stale
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.measure import CohortMeasure
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.detectors.statistics.mixture import log_mean_exp
from homeostat.detectors.statistics.sample_ratio import ratio_log_e
from homeostat.schemas.decision import BudgetSpent, Health, Verdict
from homeostat.schemas.rollout import OnHarm, OnUnproven, RolloutPhase

RATIO_ALPHA = 0.001
"""The chance of holding a rollout for a sample-ratio mismatch that is none; beside α and β, not out of them."""
MIN_STARTS = 20
"""Sessions of an arm before its yield is judged."""


class Situation(NamedTuple):
    """What is not evidence: where the rollout stands, which sources are stale, what of its budget is used.

    `exposed` are the cohorts that are judged for widening and promotion; harm is looked for in all of the plan.
    `find_obstacle` says why the next wave may not begin, `find_doubt` why what is non-inferior may not be promoted,
    each asked only when the evidence would let it; `switch` why neither may.
    """

    phase: RolloutPhase
    held_for: Verdict | None
    stale: Sequence[int]
    exposed_s: float
    overdue_s: float
    exposed: Collection[CohortKey] = ()
    taken_back: Collection[CohortKey] = ()
    wave: int = 0
    in_wave_s: float = 0.0
    find_obstacle: Callable[[], str | None] = lambda: None
    find_doubt: Callable[[], str | None] = lambda: None
    switch: str | None = None
    budgets: tuple[BudgetSpent, ...] = ()


class Finding(NamedTuple):
    """A verdict and the sentence that gives its numbers; `cohorts` are those that it takes back or promotes.

    Without cohorts it is about all that are exposed.
    """

    verdict: Verdict
    reason: str
    deciding: tuple[Cell, ...] = ()
    cohorts: tuple[CohortKey, ...] = ()


class Judgement(NamedTuple):
    """What evidence, sources and budget say of a rollout; `finding` is what must be decided now, or None.

    `marks` are (source partition, newest mark used); `doubt` is why what would be promoted is not.
    """

    health: Health
    cohorts: tuple[Assessed, ...]
    stale: Sequence[int]
    finding: Finding | None
    marks: tuple[tuple[int, int], ...] = ()
    doubt: str | None = None
    budgets: tuple[BudgetSpent, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every guardrail in every cohort."""
        return tuple(cell for cohort in self.cohorts for cell in cohort.cells)

    @property
    def renewable(self) -> bool:
        """Whether exposure may go on until the next look."""
        return self.finding is None and self.health not in (Health.ERROR, Health.NO_DATA)

    @property
    def reason(self) -> str:
        """The finding's numbers, or where the rollout stands and what keeps it there."""
        if self.finding is not None:
            return self.finding.reason
        if self.doubt is not None:
            return f"{self.health}, and not promoted: {self.doubt}"
        return reasons.describe(self.health, self.cells, self.stale)


def judge(plan: Plan, cohorts: Sequence[Assessed], situation: Situation) -> Judgement:
    """The gravest state of any guardrail in any exposed cohort, and the verdict that is due, if one is."""
    seen = tuple(set_stale(cohort) if situation.stale else cohort for cohort in cohorts)
    exposed = [cohort for cohort in seen if cohort.measure.cohort in situation.exposed]
    found = {cohort.health for cohort in exposed}
    pooled = pool_harm(plan, seen, situation.taken_back)
    health = Health.HARMFUL if pooled else next((state for state in GRAVEST_FIRST if state in found), Health.LOW_POWER)
    doubt = situation.find_doubt() if _would_promote(plan, health, situation) else None
    finding = _find(plan, exposed, pooled, health, situation, doubt)
    return Judgement(health, tuple(exposed), situation.stale, finding, doubt=doubt, budgets=situation.budgets)


def _would_promote(plan: Plan, health: Health, situation: Situation) -> bool:
    """Whether every exposed guardrail is non-inferior where the plan promotes what is."""
    promotes = situation.wave == len(plan.waves) - 1 or plan.waves[situation.wave].settles
    return situation.phase is RolloutPhase.EXPOSING and health is Health.HEALTHY and promotes


def _find(
    plan: Plan,
    cohorts: Sequence[Assessed],
    pooled: tuple[Pooled, ...],
    health: Health,
    situation: Situation,
    doubt: str | None,
) -> Finding | None:
    """In this order: never, a broken comparison, harm, a spent error budget, few traces, a lapse, progress, time."""
    exposing = situation.phase is RolloutPhase.EXPOSING
    if (never := find_never(cohorts)) is not None:
        return Finding(Verdict.NEVER, never)
    if exposing and (mismatch := find_ratio_mismatch(plan, cohorts)) is not None:
        return Finding(Verdict.SAMPLE_RATIO, mismatch)
    if health is Health.HARMFUL and situation.held_for is not Verdict.SAMPLE_RATIO:
        return _find_harm(plan, cohorts, pooled)
    if (burnt := [budget for budget in situation.budgets if budget.log_e >= budget.limit]) and cohorts:
        return Finding(Verdict.OVER_BUDGET, reasons.describe_budgets(burnt), _cells_of(burnt, cohorts))
    measures = [cohort.measure for cohort in cohorts]
    if exposing and (low := find_low_yield(plan, measures)) is not None:
        return Finding(Verdict.LOW_YIELD, low)
    if exposing and situation.overdue_s >= 0:
        return Finding(Verdict.LAPSE, reasons.describe_lapse(situation.overdue_s, health, situation.stale))
    if exposing and doubt is None and (progress := _find_progress(plan, cohorts, health, situation)) is not None:
        return progress
    return _find_used_up(plan, cohorts, health, situation)


def _find_harm(plan: Plan, cohorts: Sequence[Assessed], pooled: tuple[Pooled, ...]) -> Finding:
    """Harm that is shown in named cohorts takes those back, where the rollout says so; else everything."""
    harmful = tuple(cell for cohort in cohorts for cell in cohort.cells if cell.health is Health.HARMFUL)
    reason = reasons.describe_harm(harmful, pooled)
    together = tuple(cell for member in pooled for cell in member.cells if cell.health is not Health.HARMFUL)
    if plan.rollout.on_harm is OnHarm.COHORT and harmful:
        named = tuple(sorted({cell.cohort.cohort for cell in harmful}))
        return Finding(Verdict.HARMFUL, reason, harmful, named)
    return Finding(Verdict.HARMFUL, reason, harmful + together)


def _cells_of(budgets: Sequence[BudgetSpent], cohorts: Sequence[Assessed]) -> tuple[Cell, ...]:
    signals = {budget.signal for budget in budgets}
    return tuple(cell for cohort in cohorts for cell in cohort.cells if cell.measure.signal in signals)


def _find_progress(plan: Plan, cohorts: Sequence[Assessed], health: Health, situation: Situation) -> Finding | None:
    """Promotion where every exposed guardrail is non-inferior, or the next wave after enough evidence without harm."""
    wave, last = plan.waves[situation.wave], situation.wave == len(plan.waves) - 1
    if not cohorts or situation.in_wave_s < wave.bake_s or situation.switch is not None:
        return None
    cells = [cell for cohort in cohorts for cell in cohort.cells]
    if last and health is Health.HEALTHY:
        return Finding(Verdict.HEALTHY, reasons.describe_promotion(cells))
    shown = health is Health.HEALTHY or (health is Health.INCONCLUSIVE and not wave.settles)
    enough = wave.settles or all(cell.measure.pairs >= wave.min_pairs for cell in cells)
    if last or not shown or not enough or situation.find_obstacle() is not None:
        return None
    if wave.settles:
        promoted = tuple(sorted(cohort.measure.cohort for cohort in cohorts))
        return Finding(Verdict.ADVANCE, reasons.describe_promotion(cells), (), promoted)
    return Finding(Verdict.ADVANCE, reasons.describe_advance(situation.wave, len(plan.waves), cells))


def find_never(cohorts: Sequence[Assessed]) -> str | None:
    """What must never occur and did, in the candidate's arm; one verified occurrence is enough, outside α."""
    found = [(cohort.measure.never, cohort.measure.cohort) for cohort in cohorts if cohort.measure.never]
    if not found:
        return None
    signals, cohort = found[0]
    return f"{', '.join(signals)} occurred, which must never be, in {'/'.join(cohort)}"


def _find_used_up(plan: Plan, cohorts: Sequence[Assessed], health: Health, situation: Situation) -> Finding | None:
    """The budget of time and exposure is used up and safety is not shown: outside α, and no finding of harm.

    What is frozen by it already, or exposes nobody for another reason, stays so where the plan freezes.
    """
    budget = plan.budget
    if budget.action is OnUnproven.FREEZE and situation.phase is not RolloutPhase.EXPOSING:
        return None
    starts = sum(cohort.measure.candidate_starts for cohort in cohorts)
    if situation.exposed_s >= budget.max_duration_s:
        used = f"{situation.exposed_s:.1f} s since exposure began ≥ {budget.max_duration_s:g} s"
    elif starts >= budget.max_sessions:
        used = f"{starts} candidate sessions ≥ {budget.max_sessions}"
    else:
        return None
    cells = [cell for cohort in cohorts for cell in cohort.cells]
    return Finding(Verdict.UNPROVEN, reasons.describe_unproven(used, health, cells, situation.stale))


def find_ratio_mismatch(plan: Plan, cohorts: Sequence[Assessed]) -> str | None:
    """The reason for a sample-ratio mismatch at level `RATIO_ALPHA` over all waves, or None.

    Half of the mixture is the product over all cohorts (a gateway that splits wrongly everywhere), half the mean over
    cohorts (one that does so somewhere); both have mean at most 1 while every session keeps its share.
    """
    if not cohorts:
        return None
    columns = zip(*(cohort.measure.ratio.tolist() for cohort in cohorts), strict=True)
    together = np.array([max(-LIMIT, min(LIMIT, sum(column))) for column in columns], dtype=np.int64)
    apart = np.array([cohort.ratio_log_e for cohort in cohorts])
    mean = log_mean_exp(apart, np.full(len(cohorts), -math.log(len(cohorts))))
    log_e = float(log_mean_exp(np.array([ratio_log_e(together), mean]), np.full(2, -math.log(2))))
    limit = math.log(len({wave.share for wave in plan.waves}) / RATIO_ALPHA)
    if log_e < limit:
        return None
    starts = sum(cohort.measure.candidate_starts for cohort in cohorts)
    total = starts + sum(cohort.measure.control_starts for cohort in cohorts)
    return reasons.describe_ratio(starts, total, plan.rollout.share, log_e, limit)


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
