"""A change of two signs is not promoted; one that is merely larger for some is."""

import numpy as np
import pytest

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.detectors.guard.measure import measure_cohort
from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.guard.rollout_state import Plan
from homeostat.detectors.guard.stability import LEVEL, find_instability
from homeostat.schemas.decision import Verdict
from homeostat.schemas.rollout import RolloutPhase
from tests.builders import documents
from tests.builders.evidence import TOLERANCES, evidence
from tests.builders.release_path import FINE, ReleasePath

TENANTS = ("tenant-1", "tenant-2", "tenant-3")
WORSE = {**FINE, "acceptance": [0.06] * 900}
BETTER = {**FINE, "acceptance": [-0.1] * 900}


def promote(said: list[dict[str, list[float]]]) -> ReleasePath:
    path = ReleasePath(documents.rollout(TENANTS))
    path.begin()
    for tenant, differences in zip(TENANTS, said, strict=True):
        path.say(differences, (tenant, "cardiology"))
    path.tick()
    return path


def test_some_better_and_some_worse_is_not_promoted_and_says_why() -> None:
    path = promote([WORSE, BETTER, FINE])
    state = path.guard.stage.rollouts[path.rollout.rollout]
    assert path.phase() is RolloutPhase.EXPOSING
    assert state.reason == (
        "healthy, and not promoted: acceptance is worse in tenant-1 (+0.060, n=900 pairs) and better in tenant-2 "
        "(-0.100, n=900 pairs): not stable across 3 tenants"
    )


@pytest.mark.parametrize("said", [[BETTER, FINE, FINE], [WORSE, FINE, FINE], [FINE, FINE, FINE]])
def test_what_has_one_sign_is(said: list[dict[str, list[float]]]) -> None:
    path = promote(said)
    assert (path.phase(), path.last.verdict) == (RolloutPhase.PROMOTED, Verdict.HEALTHY)


def test_it_can_become_stable() -> None:
    path = promote([WORSE, BETTER, FINE])
    path.say({**FINE, "acceptance": [0.0] * 9000}, ("tenant-1", "cardiology"))
    assert path.phase() is RolloutPhase.PROMOTED


def test_looking_often_seldom_holds_what_is_stable() -> None:
    rollout = documents.rollout(TENANTS, guardrails=("edit_ratio", "omission"))
    plan = make_plan(rollout, documents.policy(), documents.CANDIDATE)
    random = np.random.default_rng(20261)
    held = sum(_is_ever_held(plan, random) for _ in range(60))
    assert held <= 60 * LEVEL + 3


def _is_ever_held(plan: Plan, random: np.random.Generator) -> bool:
    """Six looks at three tenants who are all alike."""
    draws = {tenant: {name: random.choice([-0.3, 0.3], 240) for name in TOLERANCES} for tenant in TENANTS}
    for look in range(1, 7):
        measures = []
        for tenant in TENANTS:
            cohort: CohortKey = (tenant, "cardiology", "scribe")
            said = {name: ds[: 40 * look].tolist() for name, ds in draws[tenant].items() if name in plan_names(plan)}
            part = evidence(1, documents.START_MS, said, tenant=tenant)
            measures.append(measure_cohort(plan, cohort, [part]))
        if find_instability(measures) is not None:
            return True
    return False


def plan_names(plan: Plan) -> set[str]:
    return {guardrail.signal for guardrail in plan.guardrails}
