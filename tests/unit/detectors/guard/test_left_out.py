"""A rollout goes on without the targets whose overrides refuse its candidate."""

from homeostat.detectors.guard.left_out import leave_out_refused
from homeostat.detectors.guard.plans import plan_rollout
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.rollout import Wave
from tests.builders import documents
from tests.builders.artifacts import override, override_document
from tests.builders.documents import ROLLOUT_ID
from tests.builders.guard_log import GuardLog

REFUSING = override("tenant-2", required_tools=("write",))


def begin(*tenants: str) -> GuardLog:
    """A rollout over these tenants whose only source has echoed it after the override came."""
    log = GuardLog(1, documents.rollout(tenants))
    log.control(override_document(REFUSING))
    log.echo(0)
    log.tick()
    return log


def test_the_others_are_exposed_and_the_reason_names_who_is_not() -> None:
    log = begin("tenant-1", "tenant-2", "tenant-3")
    (decision,) = log.decisions
    assert decision.verdict is Verdict.BEGIN
    assert [tags.tenant for tags in decision.exposed] == ["tenant-1", "tenant-3"]
    assert "tenant-2/scribe (required_tools: no artifact brings the tool write)" in decision.reason
    exposed = {i.target.tenant for i in log.intents if i.action is IntentAction.EXPOSE}
    assert exposed == {"tenant-1", "tenant-3"}
    assert {guardrail.tenant for guardrail in decision.guardrails} <= exposed


def test_a_decision_carries_the_digest_of_its_targets_configurations() -> None:
    log = begin("tenant-1", "tenant-2")
    targets = [("tenant-1", "scribe"), ("tenant-2", "scribe")]
    assert log.decisions[0].configuration == OverrideBook([REFUSING]).digest(targets)


def test_a_rollout_that_everybody_refuses_is_an_error_until_the_override_changes() -> None:
    log = begin("tenant-2")
    assert log.decisions == []
    state = log.stage.rollouts[ROLLOUT_ID]
    assert (state.health, state.reason.startswith("0 of 1 targets take the candidate")) == (Health.ERROR, True)
    log.control(override_document(override("tenant-2"), version=2))
    log.tick()
    assert [decision.verdict for decision in log.decisions] == [Verdict.BEGIN]


def test_a_wave_that_only_raises_the_share_stays() -> None:
    waves = (Wave(share=0.1, tenants=("tenant-2",)), Wave(share=0.1), Wave(share=0.5))
    rollout = documents.rollout(("tenant-1", "tenant-2"), waves=waves)
    planned = plan_rollout(rollout, documents.policy(), documents.CANDIDATE)
    left, _ = leave_out_refused(planned, documents.CANDIDATE, OverrideBook([REFUSING]))
    assert [(wave.share, len(wave.cohorts)) for wave in left] == [(0.1, 1), (0.5, 0)]
