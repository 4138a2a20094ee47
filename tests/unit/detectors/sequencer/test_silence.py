"""Targets that do not confirm: the same bytes again, then an escalation that names them, then its end."""

from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.command import AckOutcome, DesiredState
from homeostat.schemas.escalation import Escalation, EscalationKind
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.log import Output
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import COMMANDS, ESCALATIONS
from tests.builders.guard_log import read
from tests.builders.keys import trust
from tests.builders.replays import check_replay
from tests.builders.sequencer_log import SequencerLog


def exposed() -> SequencerLog:
    """Two generations, the first of which is confirmed."""
    log = SequencerLog()
    log.acknowledge()
    log.ask(IntentAction.EXPOSE)
    return log


def escalations(outputs: list[Output]) -> list[Escalation]:
    return read(outputs, ESCALATIONS, Escalation)


def test_what_is_not_confirmed_is_stated_again_in_the_same_bytes() -> None:
    log = exposed()
    stated = log.outputs[-1]
    assert [output.topic for output in log.tick(29)] == []
    for seconds in (1, 30):
        (again,) = log.tick(seconds)
        assert (again.topic, again.key, again.value) == (COMMANDS, stated.key, stated.value)
    log.acknowledge()
    assert log.tick(500) == []
    assert (log.target.generation, log.target.applied) == (2, 2)


def test_a_silence_that_lasts_is_escalated_once_and_its_end_is_said() -> None:
    log = exposed()
    assert escalations(log.tick(119)) == []
    (said,) = escalations(log.tick(1))
    assert (said.kind, said.target, said.generation, said.resolved) == (
        EscalationKind.NOT_APPLIED,
        log.target.target,
        2,
        False,
    )
    assert said.reason.startswith("generation 2 is not confirmed after 120 s; stated")
    assert escalations(log.tick(300)) == []
    (over,) = escalations(log.acknowledge())
    assert (over.resolved, over.reason) == (True, "generation 2 was applied after 420 s")
    assert log.tick(300) == []


def test_a_gateway_that_refuses_is_not_asked_again_but_escalated() -> None:
    log = exposed()
    log.acknowledge(AckOutcome.REFUSED, reason=Refusal.QUARANTINED_RELEASE)
    outputs = log.tick(121)
    (said,) = escalations(outputs)
    assert read(outputs, COMMANDS, DesiredState) == []
    assert (said.refusal, said.reason) == (
        Refusal.QUARANTINED_RELEASE,
        "generation 2 was refused: quarantined_release",
    )


def test_the_next_generation_begins_anew() -> None:
    log = exposed()
    log.tick(121)
    log.ask(IntentAction.END_EXPOSURE)
    assert (log.target.generation, log.target.escalated, log.target.restated) == (3, False, 0)
    assert escalations(log.tick(119)) == []
    (said,) = escalations(log.tick(1))
    assert said.generation == 3


def test_reminders_replay_and_are_restored() -> None:
    log = exposed()
    for _ in range(5):
        log.tick(31)
    log.acknowledge()
    records = log.scenario.log
    found = check_replay(lambda: SequencerStage(0, 1, trust()), records, [len(records) - 4, len(records) - 2])
    assert found == log.outputs


def test_acknowledgements_show_which_targets_are_silent() -> None:
    log = SequencerLog()
    assert _is_silent(log)
    log.acknowledge()
    assert not _is_silent(log)
    log.ask(IntentAction.EXPOSE)
    assert _is_silent(log)
    log.acknowledge(AckOutcome.REFUSED, reason=Refusal.CLOCK_OFF)
    assert (log.target.silent, log.target.refused) == (True, Refusal.CLOCK_OFF)
    log.ask(IntentAction.ROLL_BACK)
    assert log.target.refused is None
    log.acknowledge(generation=99)
    assert (log.target.applied, log.stage.counts["acknowledgements_of_nothing_stated"]) == (1, 1)


def test_an_acknowledgement_of_another_payload_counts_for_nothing() -> None:
    log = SequencerLog()
    log.acknowledge(state_digest="sha256:" + "0" * 64)
    assert log.target.silent


def _is_silent(log: SequencerLog) -> bool:
    return log.target.silent
