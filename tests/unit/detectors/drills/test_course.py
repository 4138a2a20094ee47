"""A drill is proven by what guard, sequencer and gateway have signed, in order, and by nothing less."""

from collections.abc import Callable

import pytest

from homeostat.detectors.drills.course import STUCK, begin, follow, is_due
from homeostat.detectors.drills.plan import find_signal, good_and_bad, make_bad, state_documents
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import AckOutcome
from homeostat.schemas.decision import Verdict
from homeostat.schemas.drill import DrillCall, DrillOutcome, DrillRun, DrillStage
from homeostat.schemas.drill_documents import DrillCallDocument, DrillRunDocument
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Direction
from tests.builders import documents
from tests.builders.drills import DRILL, Probe, policy, proven, rollout_of

NOW_MS = documents.START_MS
LATER_MS = NOW_MS + round(DRILL.limit_s * 1000) + 1


def begun(probe: Probe) -> DrillRun:
    return begin(DRILL, policy(), probe.facts, NOW_MS, has_key=True)


def stated(probe: Probe) -> DrillRun:
    """A run whose documents are on the topics."""
    probe.serve(probe.state())
    run, spec = begun(probe), find_signal(policy())
    assert spec is not None
    _, rollout = state_documents(run, DRILL, documents.CONTROL, spec)
    assert (rollout.body.candidate, rollout.body.control) == (run.candidate, run.control)
    probe.say(rollout)
    return run


def exposed(probe: Probe) -> DrillRun:
    run = stated(probe)
    probe.decide(rollout_of(run), 1, RolloutPhase.EXPOSING, Verdict.BEGIN)
    probe.serve(probe.state(), run)
    return run


def stage_of(probe: Probe, run: DrillRun) -> DrillStage:
    return follow(run, DRILL, probe.facts, NOW_MS).stage


def test_the_whole_path_is_a_proof() -> None:
    probe = Probe()
    run = exposed(probe)
    assert stage_of(probe, run) is DrillStage.EXPOSED
    decision = probe.decide(rollout_of(run), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL)
    assert stage_of(probe, run) is DrillStage.JUDGED
    state = probe.state(decision=decision.decision, quarantine=(run.candidate,))
    assert stage_of(probe, run) is DrillStage.COMMANDED
    probe.acknowledge(state)
    assert stage_of(probe, run) is DrillStage.ACKNOWLEDGED
    probe.serve(state)
    ended = follow(run, DRILL, probe.facts, NOW_MS + 5_000)
    assert (ended.outcome, ended.proven_at_ms, ended.proven_rollout) == (
        DrillOutcome.PROVEN,
        NOW_MS + 5_000,
        run.rollout,
    )
    assert (ended.decision, ended.generation) == (decision.decision, state.generation)


def test_a_restored_state_that_still_offers_the_bad_release_is_none() -> None:
    probe = Probe()
    run = exposed(probe)
    decision = probe.decide(rollout_of(run), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL)
    probe.state(decision=decision.decision)
    assert stage_of(probe, run) is DrillStage.JUDGED, "not quarantined"
    probe.state(decision=decision.decision, quarantine=(run.candidate,), baseline=documents.BASELINE_DIGEST)
    assert stage_of(probe, run) is DrillStage.JUDGED, "another release was put back"


def test_an_acknowledgement_of_another_state_proves_nothing() -> None:
    probe = Probe()
    run = exposed(probe)
    decision = probe.decide(rollout_of(run), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL)
    state = probe.state(decision=decision.decision, quarantine=(run.candidate,))
    probe.acknowledge(state.model_copy(update={"reason": "another"}))
    probe.serve(state)
    assert stage_of(probe, run) is DrillStage.COMMANDED


def refused(probe: Probe, run: DrillRun) -> None:
    decision = probe.decide(rollout_of(run), 2, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL)
    state = probe.state(decision=decision.decision, quarantine=(run.candidate,))
    probe.acknowledge(state, AckOutcome.REFUSED)


def lapsed(probe: Probe, run: DrillRun) -> None:
    probe.decide(rollout_of(run), 2, RolloutPhase.LAPSED, Verdict.LAPSE)


@pytest.mark.parametrize(("happens", "why"), [(refused, "the gateway refused"), (lapsed, "lapse")])
def test_another_end_is_a_failure(happens: Callable[[Probe, DrillRun], None], why: str) -> None:
    probe = Probe()
    run = exposed(probe)
    happens(probe, run)
    ended = follow(run, DRILL, probe.facts, NOW_MS)
    assert ended.outcome is DrillOutcome.FAILED
    assert why in ended.reason
    assert ended.proven_at_ms is None


@pytest.mark.parametrize(
    ("come", "stage"), [(stated, DrillStage.STATED), (exposed, DrillStage.EXPOSED)], ids=["stated", "exposed"]
)
def test_out_of_time_says_what_was_lacking(come: Callable[[Probe], DrillRun], stage: DrillStage) -> None:
    probe = Probe()
    ended = follow(come(probe), DRILL, probe.facts, LATER_MS)
    assert ended.outcome is DrillOutcome.FAILED
    assert STUCK[stage] in ended.reason


def test_a_former_proof_outlives_a_failure() -> None:
    probe = Probe()
    probe.state()
    before = proven(NOW_MS - 1_000)
    probe.say(before)
    failed = begin(DRILL, policy(), probe.facts, NOW_MS, has_key=False)
    assert failed.outcome is DrillOutcome.FAILED
    assert "no key of the probe tenant probe" in failed.reason
    assert (failed.proven_at_ms, failed.proven_rollout) == (before.body.proven_at_ms, before.body.proven_rollout)


def test_drills_are_due_by_schedule_and_by_call() -> None:
    probe = Probe()
    assert not is_due(DRILL, probe.facts, NOW_MS), "there is nothing to drill"
    probe.state()
    assert is_due(DRILL, probe.facts, NOW_MS)
    probe.say(proven(NOW_MS))
    assert not is_due(DRILL, probe.facts, NOW_MS + 1_000)
    assert is_due(DRILL, probe.facts, NOW_MS + round(DRILL.every_s * 1000))
    call = DrillCall(gateway=DRILL.gateway, author="ada")
    for at_ms, due in ((NOW_MS - 1, False), (NOW_MS + 1, True)):
        probe.say(DrillCallDocument(subject="drill-call/gateway-1", subject_version=at_ms, at_ms=at_ms, body=call))
        assert is_due(DRILL, probe.facts, NOW_MS + 1_000) is due
    probe.say(proven(NOW_MS + 2, outcome=DrillOutcome.RUNNING))
    assert not is_due(DRILL, probe.facts, NOW_MS + round(DRILL.every_s * 2000)), "one is running"


def test_every_drill_is_of_a_release_of_its_own() -> None:
    probe = Probe()
    probe.state()
    first, second = (begin(DRILL, policy(), probe.facts, at_ms, True) for at_ms in (NOW_MS, NOW_MS + 1))
    assert first.rollout != second.rollout
    assert first.candidate != second.candidate
    bad = make_bad(documents.CONTROL, first.rollout)
    assert bad.known_bad
    assert bad.parent == digest_document(documents.CONTROL)


def test_what_is_broken_is_broken_in_the_harmful_direction() -> None:
    spec = find_signal(policy())
    assert spec is not None
    good, bad = good_and_bad(spec)
    assert (bad > good) is (spec.direction is Direction.UP)


def test_only_control_says_what_came_of_a_drill() -> None:
    probe = Probe()
    forged: DrillRunDocument = proven(NOW_MS)
    with pytest.raises(SignatureRefused):
        probe.say(forged, SignerRole.SEQUENCER)
    assert not probe.facts.runs
