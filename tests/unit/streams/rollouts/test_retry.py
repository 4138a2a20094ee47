"""A retry: a new rollout of the same plan, where that makes sense; and who comes first."""

import pytest

from homeostat.detectors.guard.plans import PLANNERS, make_plan
from homeostat.schemas.control import OrderKind
from homeostat.schemas.decision import LeafTags, Verdict
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import RiskClass
from homeostat.schemas.rollout import Rollout, RolloutPhase, Strategy, Wave
from homeostat.streams.rollouts.tell_plan import tell_plan
from homeostat.streams.rollouts.words import retry_rollout
from tests.builders import documents
from tests.builders.release_path import FINE, ReleasePath

TENANTS = ("tenant-1", "tenant-2", "tenant-3")
BODY = documents.rollout(TENANTS, title="visits")
AT_MS = documents.START_MS


def retried(body: Rollout, phase: RolloutPhase, verdict: Verdict, promoted: tuple[str, ...] = ()) -> Rollout:
    tags = tuple(LeafTags(tenant=tenant, specialty="cardiology", workflow="scribe") for tenant in promoted)
    document = retry_rollout(body, documents.decision(body, 2, phase, verdict, promoted=tags), AT_MS).message
    again: Rollout = document.body  # type: ignore[attr-defined]  # of a rollout's document
    return again


def test_evidence_goes_on_under_the_new_id() -> None:
    path = ReleasePath(documents.rollout(title="visits"))
    path.begin()
    path.order(OrderKind.ABORT)
    again = retry_rollout(path.rollout, path.last, AT_MS + 1).message
    path.pass_on(path.guard.control(again))
    body: Rollout = again.body  # type: ignore[attr-defined]  # of a rollout's document
    assert (body.retry_of, body.title) == (path.rollout.rollout, "visits (again)")
    assert (body.candidate, body.control) == (path.rollout.candidate, path.rollout.control)
    path.pass_on(path.guard.begin_of(body.rollout))
    path.pass_on(path.guard.say(FINE, rollout=body.rollout))
    assert (path.last.rollout, path.last.phase) == (body.rollout, RolloutPhase.PROMOTED)


def test_the_promoted_are_not_tried_again() -> None:
    again = retried(BODY, RolloutPhase.LAPSED, Verdict.LAPSE, promoted=TENANTS[:1])
    assert [entry.target.tenant for entry in again.targets] == list(TENANTS[1:])
    assert retried(again, RolloutPhase.LAPSED, Verdict.LAPSE).title == "visits (again)"


@pytest.mark.parametrize(
    ("phase", "verdict", "words"),
    [
        (RolloutPhase.EXPOSING, Verdict.BEGIN, "has not ended"),
        (RolloutPhase.PROMOTED, Verdict.HEALTHY, "was promoted"),
        (RolloutPhase.ROLLED_BACK, Verdict.HARMFUL, "is quarantined"),
        (RolloutPhase.ROLLED_BACK, Verdict.OVER_BUDGET, "is quarantined"),
    ],
)
def test_what_has_its_verdict_is_not_tried_again(phase: RolloutPhase, verdict: Verdict, words: str) -> None:
    with pytest.raises(DocumentInvalid, match=words):
        retried(BODY, phase, verdict)


def with_risks(
    *risks: RiskClass, strategy: Strategy = Strategy.TENANT_BY_TENANT, waves: tuple[Wave, ...] = ()
) -> Rollout:
    targets = tuple(entry.model_copy(update={"risk": risk}) for entry, risk in zip(BODY.targets, risks, strict=True))
    return BODY.model_copy(update={"targets": targets, "strategy": strategy, "waves": waves})


def test_tenant_by_tenant_begins_where_the_risk_is_lowest() -> None:
    body = with_risks(RiskClass.HIGH, RiskClass.LOW, RiskClass.MEDIUM)
    order = [wave.cohorts[0][0] for wave in PLANNERS[body.strategy](body)]
    assert order == ["tenant-2", "tenant-3", "tenant-1"]
    alike = with_risks(*[RiskClass.MEDIUM] * 3)
    assert [wave.cohorts[0][0] for wave in PLANNERS[alike.strategy](alike)] == list(TENANTS)


@pytest.mark.parametrize(("first", "told"), [("tenant-1", True), ("tenant-2", False)])
def test_a_wave_that_begins_with_more_risk_is_seen(first: str, told: bool) -> None:
    waves = (Wave(tenants=(first,)), Wave())
    body = with_risks(RiskClass.HIGH, RiskClass.LOW, RiskClass.LOW, strategy=Strategy.COHORT_CANARY, waves=waves)
    notes = tell_plan(make_plan(body, documents.policy(), documents.CANDIDATE), documents.CANDIDATE).notes
    assert any("a place of more risk" in note for note in notes) is told
