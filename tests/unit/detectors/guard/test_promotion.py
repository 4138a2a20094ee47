"""The watch over what was promoted: it goes back to what was served before, by policy, when it is worse than before."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.guard.promotion import find_limit
from homeostat.schemas.control import StopScope
from homeostat.schemas.decision import Verdict
from homeostat.schemas.rollout import OnHarm, RolloutPhase, Strategy
from tests.builders import documents
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.evidence import from_leaf, regressed
from tests.builders.release_path import FINE, ReleasePath, state_of

TENANTS, SPECIALTIES = ("tenant-1", "tenant-2"), ("cardiology", "oncology")


def promoted(**fields: Any) -> ReleasePath:
    """A rollout over two tenants of two specialties that is promoted everywhere."""
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, **fields))
    path.begin()
    for _ in TENANTS:
        for cohort in [(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES]:
            path.say(FINE, cohort)
        path.tick(1.0)
    assert path.phase() is RolloutPhase.PROMOTED
    assert [state_of(path, tenant).baseline for tenant in TENANTS] == [CANDIDATE_DIGEST, CANDIDATE_DIGEST]
    return path


def watch(path: ReleasePath, beyond: float, cohort: Sequence[str] = ("tenant-1", "oncology")) -> None:
    """What the leaf says of a promoted cohort's omissions."""
    path.guard.mark += 1
    fields = {"tenant": cohort[0], "specialty": cohort[1]}
    message = regressed(path.guard.mark, path.guard.scenario.now_ms, beyond, **fields)
    path.pass_on(path.guard.add(from_leaf(message)))


def limit(path: ReleasePath) -> float:
    return find_limit(make_plan(path.rollout, documents.policy(), documents.CANDIDATE))


def test_a_promoted_release_that_regresses_goes_back_to_what_was_served_before() -> None:
    path = promoted()
    assert limit(path) == pytest.approx(math.log(4 * 6 / 0.005)), "a tenth of α, over 4 cohorts × 6 guardrails"
    watch(path, limit(path) - 0.1)
    assert path.phase() is RolloutPhase.PROMOTED
    watch(path, limit(path) + 0.1)
    last = path.last
    assert (last.verdict, last.phase, last.promoted) == (Verdict.REGRESSED, RolloutPhase.ROLLED_BACK, ())
    assert (last.deciding, len(last.taken_back)) == (("omission",), 4)
    assert "after promotion omission is 0.200 off its sealed baseline > 0.05 (n=80 sessions, log-e 8.6" in last.reason
    for tenant in TENANTS:
        state = state_of(path, tenant)
        assert (state.baseline, state.quarantine) == (CONTROL_DIGEST, (CANDIDATE_DIGEST,))
    assert path.refused == []
    watch(path, 50.0)
    assert path.last == last, "it is over"


def test_harm_of_one_cohort_may_take_back_its_target_alone() -> None:
    path = promoted(on_harm=OnHarm.COHORT)
    watch(path, 9.0)
    assert (path.last.verdict, path.phase()) == (Verdict.REGRESSED, RolloutPhase.PROMOTED)
    assert [(tag.tenant, tag.specialty) for tag in path.last.taken_back] == [
        ("tenant-1", "cardiology"),
        ("tenant-1", "oncology"),
    ], "a promotion is of a whole target"
    assert [state_of(path, tenant).baseline for tenant in TENANTS] == [CONTROL_DIGEST, CANDIDATE_DIGEST]
    watch(path, 9.0, ("tenant-2", "cardiology"))
    assert path.phase() is RolloutPhase.ROLLED_BACK
    assert state_of(path, "tenant-2").baseline == CONTROL_DIGEST


def test_a_tenant_promoted_first_is_watched_while_the_others_are_tried() -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, strategy=Strategy.TENANT_BY_TENANT))
    path.begin()
    for specialty in SPECIALTIES:
        path.say(FINE, ("tenant-1", specialty))
    path.tick(1.0)
    assert path.served("tenant-2", "oncology") == "both"
    watch(path, 9.0)
    assert (path.last.verdict, path.phase()) == (Verdict.REGRESSED, RolloutPhase.ROLLED_BACK)
    for tenant in TENANTS:
        assert path.served(tenant, "oncology") == "control"


def test_while_automation_is_stopped_it_is_said_but_not_stated() -> None:
    path = promoted()
    path.stop(scope=StopScope.AUTOMATION)
    watch(path, 9.0)
    assert path.last.verdict is Verdict.REGRESSED
    assert state_of(path, "tenant-1").baseline == CANDIDATE_DIGEST


@pytest.mark.parametrize("fields", [{"watch_s": 0.0}, {"strategy": Strategy.SHADOW}])
def test_without_a_watch_all_of_alpha_is_the_exposures(fields: dict[str, Any]) -> None:
    plan = make_plan(
        documents.rollout(TENANTS, guardrails=("omission",), **fields), documents.policy(), documents.CANDIDATE
    )
    assert (plan.alpha, plan.watch_alpha) == (0.05, 0.0)


def test_without_a_declared_watch_nothing_that_a_leaf_says_takes_it_back() -> None:
    path = promoted(watch_s=0.0)
    assert limit(path) == math.inf
    watch(path, 50.0)
    assert path.phase() is RolloutPhase.PROMOTED
