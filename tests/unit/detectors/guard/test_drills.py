"""Drills at the guard and the sequencer: they stay at the probe, and a stale proof keeps rollouts waiting."""

from typing import Any

import pytest

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.drills.course import begin
from homeostat.detectors.drills.plan import find_signal, state_documents
from homeostat.schemas.control import ReleaseDocument, RolloutDocument
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.log import LogRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout, RolloutPhase
from homeostat.schemas.topics import EVIDENCE
from tests.builders import documents
from tests.builders.drills import DRILL, TARGET, Probe, policy, proven
from tests.builders.guard_log import GuardLog
from tests.builders.keys import trust
from tests.builders.scenario import control
from tests.builders.sequencer_log import SequencerLog, refusals

START_MS = documents.START_MS
STALE_S = DRILL.stale_after_s
PLACE: dict[str, Any] = {"tenant": DRILL.tenant, "specialty": DRILL.specialty, "workflow": DRILL.workflow}


def drill_documents(at_ms: int = START_MS) -> tuple[ReleaseDocument, RolloutDocument]:
    """What control states for a drill."""
    probe = Probe()
    probe.state()
    spec = find_signal(policy())
    assert spec is not None
    return state_documents(begin(DRILL, policy(), probe.facts, at_ms, True), DRILL, documents.CONTROL, spec)


def guard_with(rollout: Rollout, *more: Any, **changes: Any) -> GuardLog:
    """A guard that has the rollout, the policy's drill, and what else is given, echoed by its source."""
    log = GuardLog(rollout=rollout, policy=policy(**changes))
    for message in more:
        log.control(message)
    log.mark += 1
    log.show(0)
    return log


def test_a_rollout_waits_for_a_proof_and_begins_with_it() -> None:
    log = guard_with(documents.rollout())
    log.begin()
    assert log.decisions == []
    reason = log.stage.rollouts[documents.ROLLOUT_ID].reason
    assert reason == "no rollback was ever proven at gateway gateway-1: run `homeostat drill run gateway-1`"
    log.control(proven(log.scenario.now_ms))
    assert [each.verdict for each in log.decisions] == [Verdict.BEGIN]


def test_a_stale_proof_is_none() -> None:
    log = guard_with(documents.rollout(), proven(START_MS))
    log.tick(STALE_S + 1)
    log.begin()
    assert log.decisions == []
    assert "48.0 h old > 48 h" in log.stage.rollouts[documents.ROLLOUT_ID].reason


@pytest.mark.parametrize("changes", [{"block_rollouts": False}, {"gateway": "gateway-2"}])
def test_nothing_waits_where_the_policy_does_not_say_so(changes: dict[str, Any]) -> None:
    log = guard_with(documents.rollout(), **changes)
    log.begin()
    assert [each.verdict for each in log.decisions] == [Verdict.BEGIN]


def test_what_has_begun_goes_on_when_the_proof_becomes_stale() -> None:
    log = guard_with(documents.rollout(max_duration_s=10 * STALE_S), proven(START_MS))
    log.begin()
    log.say(0.0, 30)
    log.tick(5)
    log.say(0.0, 40)
    log.tick(STALE_S)
    assert all("drill" not in each.reason for each in log.decisions)


def test_a_drill_needs_no_proof_and_is_marked() -> None:
    release, rollout = drill_documents()
    log = guard_with(rollout.body, release)
    log.mark += 1
    log.begin_of(rollout.body.rollout)
    (signal,) = rollout.body.guardrails
    log.say({signal: [1.0] * 40}, rollout=rollout.body.rollout, **PLACE)
    assert [(each.verdict, each.drill) for each in log.decisions] == [(Verdict.BEGIN, True), (Verdict.HARMFUL, True)]
    assert log.decisions[-1].phase is RolloutPhase.ROLLED_BACK


def test_a_drill_is_never_promoted() -> None:
    release, rollout = drill_documents()
    log = guard_with(rollout.body, release)
    log.begin_of(rollout.body.rollout)
    (signal,) = rollout.body.guardrails
    log.say({signal: [0.0] * 3000}, rollout=rollout.body.rollout, **PLACE)
    assert [each.verdict for each in log.decisions] == [Verdict.BEGIN]


def astray(rollout: Rollout) -> Rollout:
    """The drill's rollout, at a clinic."""
    clinic = documents.rollout().targets[0]
    return rollout.model_copy(update={"targets": (clinic,)})


def test_a_drill_goes_nowhere_but_to_its_probe() -> None:
    release, rollout = drill_documents()
    log = guard_with(astray(rollout.body), release)
    log.begin_of(rollout.body.rollout)
    state = log.stage.rollouts[rollout.body.rollout]
    assert (log.decisions, state.health) == ([], Health.ERROR)
    assert "is no probe of the policy's drills" in state.reason


def test_a_known_bad_release_is_rolled_out_by_drills_only() -> None:
    release, rollout = drill_documents()
    log = guard_with(rollout.body.model_copy(update={"drill": False}), release)
    log.begin_of(rollout.body.rollout)
    assert log.decisions == []
    assert "known-bad" in log.stage.rollouts[rollout.body.rollout].reason


@pytest.mark.parametrize("message", [documents.document(documents.CONTROL), documents.document(documents.rollout())])
def test_control_states_nothing_but_drills(message: Any) -> None:
    log = ControlLog(EVIDENCE, 0, trust())
    draft = control(message, SignerRole.CONTROL)
    with pytest.raises(SignatureRefused):
        log.fold(LogRecord(0, START_MS, draft.key, draft.value, draft.headers))


def test_control_replaces_no_rollout_of_an_operators() -> None:
    _, drill = drill_documents()
    log = ControlLog(EVIDENCE, 0, trust())
    real = documents.document(documents.rollout(rollout=drill.body.rollout))
    for offset, draft in enumerate((control(real), control(drill, SignerRole.CONTROL))):
        record = LogRecord(offset, START_MS, draft.key, draft.value, draft.headers)
        if offset == 0:
            log.fold(record)
            continue
        with pytest.raises(SignatureRefused):
            log.fold(record)
    assert not log.rollouts[drill.body.rollout].drill


def test_the_sequencer_keeps_known_bad_releases_at_the_probe() -> None:
    release, drill = drill_documents()
    rollout = astray(drill.body)
    log = SequencerLog(rollout)
    for message in (release, documents.document(policy(), 2)):
        log.control(message)
    said: dict[str, Any] = {"rollout": rollout.rollout, "candidate": rollout.candidate, "step": 1}
    stated = len(log.commands)
    assert refusals(log.ask(IntentAction.EXPOSE, SignerRole.GUARD, **said)) == [Refusal.NOT_APPROVED]
    baseline: dict[str, Any] = {"manifest": release.body, "candidate": None, "target": TARGET}
    assert refusals(log.ask(IntentAction.BASELINE, SignerRole.OPERATOR, **baseline)) == [Refusal.NOT_APPROVED]
    assert len(log.commands) == stated
