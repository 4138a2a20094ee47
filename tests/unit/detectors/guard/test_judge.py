"""The numbers of a judgement: those of the statistics, with the family's limits, in one order of verdicts."""

import math
from typing import Any

import numpy as np
import pytest

from homeostat.detectors.guard.assess import assess_cohort
from homeostat.detectors.guard.judge import RATIO_ALPHA, Judgement, Situation, judge
from homeostat.detectors.guard.measure import CohortMeasure, GuardrailMeasure, measure_cohort
from homeostat.detectors.guard.plans import PLANNERS
from homeostat.detectors.guard.rollout_state import Guardrail, Plan
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.rollout import RolloutPhase
from tests.builders import documents
from tests.builders.evidence import TOLERANCES, evidence, ratio

SPECIALTIES = ("cardiology", "oncology", "urology")
FINE = {name: [0.0] * 400 for name in TOLERANCES}


def plan(specialties: tuple[str, ...] = ("cardiology",), **fields: Any) -> Plan:
    rails = tuple(Guardrail(signal=name, tolerance=tolerance) for name, tolerance in TOLERANCES.items())
    digest = documents.BASELINE_DIGEST
    rollout = documents.rollout(specialties=specialties, **fields)
    waves = PLANNERS[rollout.strategy](rollout)
    return Plan(rollout=rollout, rollout_digest=digest, policy_digest=digest, guardrails=rails, waves=waves)


def measure(of: Plan, *said: Evidence) -> list[CohortMeasure]:
    return [measure_cohort(of, cohort, [part for part in said if part.specialty == cohort[1]]) for cohort in of.cohorts]


def look(of: Plan, *said: Evidence, **situation: Any) -> Judgement:
    defaults = Situation(RolloutPhase.EXPOSING, None, (), exposed_s=1.0, overdue_s=-1.0, exposed=of.cohorts)
    assessed = [assess_cohort(of, cohort) for cohort in measure(of, *said)]
    return judge(of, assessed, defaults._replace(**situation))


def tell(differences: Any, pairs: int = 0, **fields: Any) -> Evidence:
    return evidence(1, documents.START_MS, differences, pairs, **fields)


def verdict_of(judgement: Judgement) -> Verdict | None:
    return None if judgement.finding is None else judgement.finding.verdict


def deciding(judgement: Judgement) -> list[GuardrailMeasure]:
    return [] if judgement.finding is None else [cell.measure for cell in judgement.finding.deciding]


def test_log_e_and_limits_are_those_of_the_statistics() -> None:
    of = plan(SPECIALTIES, alpha=0.02, beta=0.1)
    said = tell({"omission": [0.1, -0.2, 0.4, 0.0]})
    cells = {(cell.cohort.cohort[1], cell.measure.signal): cell for cell in look(of, said).cells}
    cell = cells["cardiology", "omission"]
    sums = said.guardrails["omission"]
    assert cell.log_e_harmful == mixture_log_e(np.array(sums.harmful))
    assert cell.log_e_non_inferior == mixture_log_e(np.array(sums.non_inferior))
    assert cell.limit_harmful == pytest.approx(math.log(2 * 18 / of.alpha))
    assert cell.limit_non_inferior == pytest.approx(math.log(10))
    assert cell.measure.mean_difference == pytest.approx(0.075, abs=1e-6)
    empty = cells["urology", "omission"]
    assert abs(empty.log_e_harmful) < 1e-12
    assert (empty.measure.pairs, empty.measure.mean_difference) == (0, None)
    assert empty.health is Health.LOW_POWER


def test_two_sources_are_as_one() -> None:
    whole = tell({"omission": [0.3] * 20 + [0.1] * 10})
    parts = (tell({"omission": [0.3] * 20}), tell({"omission": [0.1] * 10}, source_partition=1))
    (one,), (two,) = measure(plan(), whole), measure(plan(), *parts)
    assert np.array_equal(one.harmful, two.harmful)
    assert one.guardrails == two.guardrails


@pytest.mark.parametrize("count", [1, 6, 30])
def test_harm_begins_exactly_at_the_share_of_the_family(count: int) -> None:
    """One cohort has all of α; of many, those that are silent leave what one says to the pooled member's half."""
    specialties = tuple(f"specialty-{number}" for number in range(count))
    of = plan(specialties)
    limit = math.log((6 if count == 1 else 2 * 6) / of.alpha)
    for pairs in range(1, 80):
        said = tell({"omission": [0.4] * pairs}, specialty=specialties[0])
        reached = mixture_log_e(np.array(said.guardrails["omission"].harmful)) >= limit
        judgement = look(of, said)
        assert (verdict_of(judgement) is Verdict.HARMFUL) == reached
        if reached:
            assert deciding(judgement)[0].pairs == pairs
            return
    raise AssertionError("harm was never found")


def test_a_ratio_is_found_everywhere_and_in_one_cohort_of_many() -> None:
    of = plan(SPECIALTIES)
    everywhere = [
        tell({}, specialty=name, candidate_starts=26, control_starts=8, ratio_log_e=ratio(26, 8))
        for name in SPECIALTIES
    ]
    assert verdict_of(look(of, *everywhere)) is Verdict.SAMPLE_RATIO
    assert verdict_of(look(of, everywhere[0])) is None
    one = tell({}, candidate_starts=60, control_starts=5, ratio_log_e=ratio(60, 5))
    others = [tell({}, specialty=name, ratio_log_e=ratio(30, 30)) for name in SPECIALTIES[1:]]
    assert verdict_of(look(of, one, *others)) is Verdict.SAMPLE_RATIO


def test_a_fair_split_is_held_at_most_as_often_as_declared() -> None:
    draws = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        sessions = draws.random(200) < 0.5
        sums = [ratio(int(sessions[:n].sum()), int(n - sessions[:n].sum())) for n in (25, 50, 100, 200)]
        held += any(verdict_of(look(plan(), tell({}, ratio_log_e=row))) is not None for row in sums)
    assert held <= 3
    assert RATIO_ALPHA == 0.001


@pytest.mark.parametrize(
    ("said", "situation", "verdict", "health"),
    [
        ({}, {}, None, Health.LOW_POWER),
        ({}, {"stale": (0,)}, None, Health.NO_DATA),
        ({}, {"stale": (0,), "overdue_s": 0.0}, Verdict.LAPSE, Health.NO_DATA),
        (FINE, {}, Verdict.HEALTHY, Health.HEALTHY),
        (FINE, {"stale": (0,)}, None, Health.NO_DATA),
        (FINE, {"overdue_s": 0.0}, Verdict.LAPSE, Health.HEALTHY),
        (FINE, {"exposed_s": 1e9}, Verdict.HEALTHY, Health.HEALTHY),
        (FINE, {"phase": RolloutPhase.HELD}, None, Health.HEALTHY),
        ({"omission": [0.5] * 99}, {"stale": (0,), "overdue_s": 9.0}, Verdict.HARMFUL, Health.HARMFUL),
        ({"omission": [0.5] * 99}, {"phase": RolloutPhase.HELD}, Verdict.HARMFUL, Health.HARMFUL),
        (
            {"omission": [0.5] * 99},
            {"phase": RolloutPhase.HELD, "held_for": Verdict.SAMPLE_RATIO},
            None,
            Health.HARMFUL,
        ),
        ({}, {"phase": RolloutPhase.HELD, "exposed_s": 1e9}, Verdict.UNPROVEN, Health.LOW_POWER),
    ],
)
def test_the_order_of_verdicts(
    said: dict[str, list[float]], situation: dict[str, Any], verdict: Verdict | None, health: Health
) -> None:
    judgement = look(plan(), tell(said), **situation)
    assert (verdict_of(judgement), judgement.health) == (verdict, health)
    assert judgement.renewable == (verdict is None and health not in {Health.NO_DATA, Health.ERROR})


def test_harm_names_all_that_crossed_strongest_first() -> None:
    judgement = look(plan(), tell({name: [0.3 + 0.1 * n] * 90 for n, name in enumerate(TOLERANCES)}))
    assert [measure.signal for measure in deciding(judgement)] == list(TOLERANCES)
    assert judgement.reason.startswith("yield +0.800 > 0.02 (n=90 pairs, e=")
    assert judgement.reason.endswith("; and 3 more")


def test_evidence_that_must_not_be_judged_says_nothing() -> None:
    judgement = look(plan(), tell({"omission": [0.5] * 99}, unusable="refusals"))
    assert {(cell.log_e_harmful, cell.log_e_non_inferior) for cell in judgement.cells} == {(0.0, 0.0)}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"non_inferior": (0,)}, "omission carries another grid than 6 bets"),
        ({"sum_d": 2**40}, "omission has a mean difference outside [-1, 1]"),
    ],
)
def test_impossible_evidence_is_an_error(broken: dict[str, Any], why: str) -> None:
    said = tell({"omission": [0.0] * 9})
    rail = said.guardrails["omission"].model_copy(update=broken)
    judgement = look(plan(), said.model_copy(update={"guardrails": {"omission": rail}}))
    assert (judgement.health, verdict_of(judgement)) == (Health.ERROR, None)
    assert judgement.reason == f"error: {why} in tenant-1/cardiology/scribe"


def test_a_ratio_of_another_grid_is_an_error_too() -> None:
    judgement = look(plan(), tell({}, ratio_log_e=(1, 2)))
    assert judgement.reason.startswith("error: the sample ratio carries another grid than 6 bets")
