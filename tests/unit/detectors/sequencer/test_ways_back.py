"""A target that cannot go back to what it served: refused, and escalated with what it could be given instead."""

import pytest

from homeostat.schemas.command import DesiredState
from homeostat.schemas.escalation import Alternative, Escalation, EscalationKind
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.log import Output
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import COMMANDS, ESCALATIONS
from tests.builders import artifacts, documents
from tests.builders.documents import BASELINE, BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, CONTROL, CONTROL_DIGEST
from tests.builders.guard_log import read
from tests.builders.sequencer_log import SequencerLog, refusals

OPERATOR = SignerRole.OPERATOR
FIRST = documents.release("first")


def serve(log: SequencerLog, manifest: ReleaseManifest) -> list[Output]:
    return log.ask(IntentAction.BASELINE, OPERATOR, manifest=manifest, candidate=None)


def served_in_turn() -> SequencerLog:
    """`first`, `control`, `baseline` and at last `candidate` were the target's baseline."""
    log = SequencerLog()
    for manifest in (FIRST, CONTROL, BASELINE, CANDIDATE):
        serve(log, manifest)
    return log


def take_back(log: SequencerLog, release: str, role: SignerRole = SignerRole.GUARD) -> list[Output]:
    return log.ask(IntentAction.ROLL_BACK, role, candidate=release, step=7)


def escalated(outputs: list[Output]) -> Escalation:
    (found,) = read(outputs, ESCALATIONS, Escalation)
    return found


def test_going_back_to_what_is_quarantined_is_refused_with_alternatives() -> None:
    log = served_in_turn()
    take_back(log, BASELINE_DIGEST, OPERATOR)
    outputs = take_back(log, CANDIDATE_DIGEST)
    assert refusals(outputs) == [Refusal.QUARANTINED_RELEASE]
    assert read(outputs, COMMANDS, DesiredState) == []
    found = escalated(outputs)
    assert (found.kind, found.wanted, found.resolved) == (EscalationKind.NO_WAY_BACK, BASELINE_DIGEST, False)
    assert [each.title for each in found.alternatives] == ["control", "first"], "the newest first"
    assert "the release to put back is quarantined at this target" in found.reason
    over = escalated(serve(log, CONTROL))
    assert (over.resolved, over.wanted) == (True, CONTROL_DIGEST)
    assert not log.target.stuck


def test_alternatives_must_fit_what_the_target_relies_on() -> None:
    log = SequencerLog()
    tools = artifacts.artifact(artifacts.TOOLS, "1", tools=("write",))
    able = artifacts.release(tools, title="able")
    for manifest in (able, CONTROL, BASELINE, CANDIDATE):
        serve(log, manifest)
    log.control(artifacts.override_document(artifacts.override("tenant-1", required_tools=("write",))))
    outputs = take_back(log, CANDIDATE_DIGEST)
    assert refusals(outputs) == [Refusal.BREAKS_CONFIGURATION]
    assert [each.title for each in escalated(outputs).alternatives] == ["able"]


def test_without_anything_else_that_is_said() -> None:
    log = SequencerLog()
    outputs = take_back(log, CONTROL_DIGEST, OPERATOR)
    assert refusals(outputs) == [Refusal.NOT_APPROVED]
    found = escalated(outputs)
    assert (found.wanted, found.alternatives) == (None, ())
    assert "there is no release to put back" in found.reason


def test_an_operator_who_asks_for_a_quarantined_release_is_told_what_else_there_is() -> None:
    log = served_in_turn()
    take_back(log, BASELINE_DIGEST, OPERATOR)
    found = escalated(serve(log, BASELINE))
    assert (found.refusal, found.wanted) == (Refusal.QUARANTINED_RELEASE, BASELINE_DIGEST)
    assert Alternative(release=CONTROL_DIGEST, title="control") in found.alternatives


@pytest.mark.parametrize("action", [IntentAction.EXPOSE, IntentAction.PROMOTE])
def test_what_does_not_go_back_is_refused_only(action: IntentAction) -> None:
    log = SequencerLog()
    take_back(log, CANDIDATE_DIGEST)
    outputs = log.ask(action, step=9)
    assert refusals(outputs) != []
    assert read(outputs, ESCALATIONS, Escalation) == []
