"""Assess: the state of every guardrail in one cohort, from its measure and the plan's limits alone."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.measure import CohortMeasure, GuardrailMeasure
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.detectors.statistics import verdict
from homeostat.detectors.statistics.sample_ratio import ratio_log_e
from homeostat.schemas.decision import Health

GRAVEST_FIRST = (
    Health.HARMFUL,
    Health.ERROR,
    Health.NO_DATA,
    Health.LOW_POWER,
    Health.INCONCLUSIVE,
    Health.HEALTHY,
)
_STAYS_SHOWN = frozenset({Health.HARMFUL, Health.ERROR, Health.NO_DATA})


class Cell(NamedTuple):
    """One guardrail in one cohort, judged: log-e (0, e = 1, where it must not be judged) and limits in nats."""

    cohort: CohortMeasure
    measure: GuardrailMeasure
    health: Health
    log_e_harmful: float
    limit_harmful: float
    log_e_non_inferior: float
    limit_non_inferior: float


class Pooled(NamedTuple):
    """One guardrail over all cohorts together: harmful in some of them, not in which; log-e and limit in nats."""

    cells: tuple[Cell, ...]
    log_e: float
    limit: float


class Assessed(NamedTuple):
    """One cohort, assessed; `health` is the gravest of its cells, `ratio_log_e` its sample ratio's log-e in nats."""

    measure: CohortMeasure
    cells: tuple[Cell, ...]
    health: Health
    ratio_log_e: float


def assess_cohort(plan: Plan, measure: CohortMeasure) -> Assessed:
    """States of one cohort's guardrails while every source is fresh.

    What of α the pooled members leave is shared equally by guardrails × cohorts of the plan and each may reject at its
    share alone, so a cohort can be assessed without the others. β holds for each on its own.
    """
    guardrails = len(plan.guardrails)
    shares = verdict.equal_shares(len(plan.cohorts), guardrails)
    usable = measure.error is None and measure.unusable is None
    judged = verdict.judge(
        measure.harmful[np.newaxis],
        measure.non_inferior[np.newaxis],
        np.full((1, guardrails), usable),
        verdict.split_shares(shares, verdict.POOLED_PART)[0][:1],
        plan.alpha,
        plan.rollout.beta,
    )
    cells = tuple(
        Cell(
            measure,
            guardrail,
            _state(measure, guardrail, bool(judged.harmful_alone[0, j]), bool(judged.non_inferior[0, j]), plan),
            float(judged.log_e_harmful[0, j]) if usable else 0.0,
            float(judged.limit_harmful[0, j]),
            float(judged.log_e_non_inferior[0, j]) if usable else 0.0,
            judged.limit_non_inferior,
        )
        for j, guardrail in enumerate(measure.guardrails)
    )
    return Assessed(measure, cells, _find_gravest(cells), float(ratio_log_e(measure.ratio)))


def pool_harm(plan: Plan, cohorts: Sequence[Assessed], taken_back: Collection[CohortKey] = ()) -> tuple[Pooled, ...]:
    """The guardrails that are harmful in some cohort by the evidence of all together (`statistics.verdict`).

    Of a cohort that was taken back only what speaks against harm counts on, which cannot raise the pooled evidence: the
    test keeps its level, and harm that is known does not take back the others.
    """
    usable = [cohort.measure.error is None and cohort.measure.unusable is None for cohort in cohorts]
    guardrails = len(plan.guardrails)
    found = verdict.judge_pooled(
        np.stack(
            [
                np.minimum(cohort.measure.harmful, 0) if cohort.measure.cohort in taken_back else cohort.measure.harmful
                for cohort in cohorts
            ]
        ),
        np.repeat(np.array(usable), guardrails).reshape(-1, guardrails),
        verdict.equal_shares(len(plan.cohorts), guardrails),
        plan.alpha,
        verdict.POOLED_PART,
    )
    return tuple(
        Pooled(tuple(cohort.cells[j] for cohort in cohorts), float(found.log_e[j]), float(found.limit[j]))
        for j in np.flatnonzero(found.harmful).tolist()
    )


def set_stale(assessed: Assessed) -> Assessed:
    """The same cohort while a source is not fresh: harm that was shown stays shown, all else is no data."""
    cells = tuple(
        cell if cell.health in _STAYS_SHOWN else cell._replace(health=Health.NO_DATA) for cell in assessed.cells
    )
    return assessed._replace(cells=cells, health=_find_gravest(cells))


def _state(
    measure: CohortMeasure, guardrail: GuardrailMeasure, harmful: bool, non_inferior: bool, plan: Plan
) -> Health:
    if measure.error is not None:
        return Health.ERROR
    if measure.unusable is not None:
        return Health.NO_DATA
    if harmful:
        return Health.HARMFUL
    if guardrail.pairs < plan.rollout.min_pairs:
        return Health.LOW_POWER
    return Health.HEALTHY if non_inferior else Health.INCONCLUSIVE


def _find_gravest(cells: tuple[Cell, ...]) -> Health:
    found = {cell.health for cell in cells}
    return next(health for health in GRAVEST_FIRST if health in found)
