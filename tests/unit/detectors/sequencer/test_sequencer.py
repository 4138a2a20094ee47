"""From intents to desired states, through the stage's port alone."""

from typing import Any

import pytest

from homeostat.schemas.canonical import derive_id, digest_bytes, digest_document, to_json
from homeostat.schemas.control import Tick
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.log import Output
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.schemas.topics import COMMANDS, DEAD_LETTERS, INTENTS
from tests.builders import documents
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.keys import GATEWAY
from tests.builders.scenario import control
from tests.builders.sequencer_log import LEASE, TARGET, SequencerLog, refusals, signed
from tests.builders.traces import Draft

BASELINE, EXPOSE, PROMOTE = IntentAction.BASELINE, IntentAction.EXPOSE, IntentAction.PROMOTE
END, ROLL_BACK = IntentAction.END_EXPOSURE, IntentAction.ROLL_BACK
OPERATOR, GUARD, TRIAGE = SignerRole.OPERATOR, SignerRole.GUARD, SignerRole.TRIAGE


def test_a_baseline_then_an_exposure_then_a_promotion() -> None:
    log = SequencerLog()
    assert (log.commands[0].generation, log.commands[0].baseline) == (1, CONTROL_DIGEST)
    (output,) = log.ask(EXPOSE)
    assert (output.topic, output.key, output.signer) == (COMMANDS, TARGET.key.encode(), "sequencer")
    state = log.commands[-1]
    (exposure,) = state.exposures
    assert (state.generation, state.baseline, exposure.candidate) == (2, CONTROL_DIGEST, CANDIDATE_DIGEST)
    assert (exposure.share, exposure.lease, exposure.manifest) == (0.5, LEASE, documents.CANDIDATE)
    log.ask(PROMOTE)
    state = log.commands[-1]
    assert (state.generation, state.baseline, state.exposures) == (3, CANDIDATE_DIGEST, ())
    assert state.manifest == documents.CANDIDATE
    assert log.target.state_digest == digest_bytes(to_json(state))


def test_a_rollback_quarantines_and_nothing_exposes_it_again() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.ask(ROLL_BACK)
    state = log.commands[-1]
    assert (state.generation, state.exposures) == (3, ())
    assert (state.quarantine, state.quarantine_version) == ((CANDIDATE_DIGEST,), 1)
    assert refusals(log.ask(EXPOSE, step=3)) == ["quarantined_release"]
    assert log.ask(ROLL_BACK, step=4) == []
    assert log.target.generation == 3


def test_the_same_intent_again_changes_nothing() -> None:
    log = SequencerLog()
    intent = log.intent(EXPOSE)
    assert log.add(signed(intent, GUARD))
    assert log.add(signed(intent, GUARD)) == []
    assert log.stage.counts["repeated"] == 1


def test_an_older_exposure_never_overrides_a_rollback() -> None:
    log = SequencerLog()
    exposure = signed(log.intent(EXPOSE), GUARD)
    log.ask(ROLL_BACK)
    assert log.commands[-1].quarantine == (CANDIDATE_DIGEST,)
    assert refusals(log.add(exposure)) == ["old_generation"]


def test_a_rollback_without_an_exposure_is_kept_for_the_first_baseline() -> None:
    log = SequencerLog(documented=False)
    assert log.ask(ROLL_BACK) == []
    assert log.target.quarantine_version == 1
    log.document()
    log.baseline()
    assert (log.commands[0].quarantine, log.commands[0].quarantine_version) == ((CANDIDATE_DIGEST,), 1)


def test_before_the_snapshot_rollbacks_are_obeyed_and_the_rest_waits_in_order() -> None:
    log = SequencerLog(documented=False)
    assert log.baseline() == []
    assert log.ask(EXPOSE) == []
    assert [len(log.target.waiting), log.stage.counts["not_evaluated"]] == [2, 2]
    log.document()
    assert [state.generation for state in log.commands] == [1, 2]
    assert log.target.waiting == ()
    assert log.commands[-1].exposures


def test_a_rollback_overtakes_an_exposure_that_waits() -> None:
    log = SequencerLog(documented=False)
    log.baseline()
    log.ask(EXPOSE)
    log.ask(ROLL_BACK)
    log.document()
    assert [len(state.exposures) for state in log.commands] == [0]
    assert log.commands[0].quarantine == (CANDIDATE_DIGEST,)
    assert log.stage.counts["refused_old_generation"] == 1


def test_an_exposure_waits_for_its_documents_and_expires() -> None:
    other = documents.release("late")
    rollout = documents.rollout(candidate=digest_document(other), rollout=derive_id("rollout", 2))
    log = SequencerLog()
    fields: dict[str, Any] = {"candidate": rollout.candidate, "rollout": rollout.rollout}
    waiting = signed(log.intent(EXPOSE, **fields), GUARD)
    assert log.add(waiting) == []
    assert log.add(waiting) == []
    assert log.control(documents.document(other)) == []
    assert [output.topic for output in log.control(documents.document(rollout))] == [COMMANDS]

    late = SequencerLog()
    late.ask(EXPOSE, **fields)
    assert late.tick(14) == []
    (letter,) = late.tick(2)
    assert refusals([letter]) == ["expired"]
    assert late.target.waiting == ()
    assert refusals(late.ask(EXPOSE, **fields)) == ["old_generation"]


def test_what_waits_is_bounded() -> None:
    log = SequencerLog(documented=False)
    for number in range(40):
        log.ask(EXPOSE, rollout=derive_id("rollout", number))
    assert [len(log.target.waiting), log.stage.counts["refused_expired"]] == [32, 8]


@pytest.mark.parametrize(
    ("action", "role", "fields", "reason"),
    [
        (BASELINE, GUARD, {"manifest": documents.CANDIDATE}, "key_wrong_role"),
        (EXPOSE, TRIAGE, {}, "key_wrong_role"),
        (PROMOTE, TRIAGE, {}, "key_wrong_role"),
        (EXPOSE, SignerRole.GATEWAY, {}, "key_wrong_role"),
        (EXPOSE, SignerRole.SEQUENCER, {}, "key_wrong_role"),
        (EXPOSE, GUARD, {"share": 0.9}, "not_approved"),
        (EXPOSE, GUARD, {"specialties": ("cardiology", "oncology")}, "not_approved"),
        (EXPOSE, GUARD, {"candidate": documents.BASELINE_DIGEST}, "not_approved"),
        (EXPOSE, GUARD, {"lifts_quarantine": 0}, "not_approved"),
        (EXPOSE, GUARD, {"share": 0.0}, "schema"),
        (EXPOSE, GUARD, {"lease": None}, "schema"),
        (EXPOSE, GUARD, {"step": 0}, "old_generation"),
        (ROLL_BACK, GUARD, {"candidate": None}, "schema"),
        (ROLL_BACK, TRIAGE, {"rollout": None}, "schema"),
        (PROMOTE, GUARD, {}, "not_approved"),
        (END, GUARD, {"target": Target(gateway=GATEWAY, tenant="tenant-9", workflow="scribe")}, "wrong_target"),
        (ROLL_BACK, GUARD, {"candidate": CONTROL_DIGEST}, "not_approved"),
    ],
)
def test_what_may_not_be_asked_for_is_refused(
    action: IntentAction, role: SignerRole, fields: dict[str, Any], reason: str
) -> None:
    log = SequencerLog()
    before = log.target.serving
    assert refusals(log.ask(action, role, **fields)) == [reason]
    assert log.target.serving == before
    assert log.target.generation == 1
    assert log.stage.counts[f"refused_{reason}"] == 1


def test_a_control_that_is_not_the_baseline_is_refused() -> None:
    log = SequencerLog()
    log.ask(BASELINE, OPERATOR, manifest=documents.BASELINE, candidate=None)
    assert refusals(log.ask(EXPOSE)) == ["not_approved"]


def test_two_rollouts_share_a_target_but_not_a_specialty() -> None:
    log = SequencerLog()
    for number, specialty in ((2, "cardiology"), (3, "oncology")):
        rollout = documents.rollout(
            specialties=(specialty,), candidate=documents.BASELINE_DIGEST, rollout=derive_id("rollout", number)
        )
        log.control(documents.document(rollout))
    fields: dict[str, Any] = {"candidate": documents.BASELINE_DIGEST}
    log.ask(EXPOSE)
    log.ask(EXPOSE, rollout=derive_id("rollout", 3), specialties=("oncology",), **fields)
    assert [exposure.specialties[0] for exposure in log.commands[-1].exposures].count("oncology") == 1
    assert len(log.commands[-1].exposures) == 2
    log.ask(END)
    assert [exposure.specialties for exposure in log.commands[-1].exposures] == [("oncology",)]


def test_a_second_rollout_waits_until_the_first_has_left_its_specialty() -> None:
    log = SequencerLog()
    second = derive_id("rollout", 2)
    log.control(documents.document(documents.rollout(candidate=documents.BASELINE_DIGEST, rollout=second)))
    log.ask(EXPOSE)
    assert log.ask(EXPOSE, rollout=second, candidate=documents.BASELINE_DIGEST) == []
    log.ask(END)
    log.tick(0.5)
    assert [exposure.rollout for exposure in log.commands[-1].exposures] == [second]


def test_a_rollout_that_gave_way_is_not_exposed_later() -> None:
    log = SequencerLog()
    second = derive_id("rollout", 2)
    log.control(documents.document(documents.rollout(candidate=documents.BASELINE_DIGEST, rollout=second)))
    log.ask(EXPOSE)
    log.ask(EXPOSE, rollout=second, candidate=documents.BASELINE_DIGEST)
    log.ask(END, rollout=second, candidate=documents.BASELINE_DIGEST)
    log.ask(END)
    assert refusals(log.tick(0.5)) == ["old_generation"]
    assert log.commands[-1].exposures == ()


def test_a_rollback_takes_the_release_off_wherever_it_is_exposed() -> None:
    log = SequencerLog()
    other = derive_id("rollout", 2)
    log.control(documents.document(documents.rollout(specialties=("oncology",), rollout=other)))
    log.ask(EXPOSE)
    log.ask(EXPOSE, rollout=other, specialties=("oncology",))
    log.ask(ROLL_BACK)
    assert log.commands[-1].exposures == ()
    assert refusals(log.ask(PROMOTE, rollout=other)) == ["not_approved"]


def test_an_operator_ends_every_exposure_at_once() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.ask(END, OPERATOR, rollout=None, candidate=None)
    assert (log.commands[-1].exposures, log.commands[-1].quarantine) == ((), ())


def test_an_operator_puts_back_a_release_of_its_choice() -> None:
    log = SequencerLog()
    named = {"rollout": None, "candidate": CONTROL_DIGEST}
    assert refusals(log.ask(ROLL_BACK, OPERATOR, **named)) == ["not_approved"]
    log.ask(ROLL_BACK, OPERATOR, **named, manifest=documents.BASELINE)
    assert (log.commands[-1].baseline, log.commands[-1].quarantine) == (documents.BASELINE_DIGEST, (CONTROL_DIGEST,))


def test_a_baseline_by_its_digest_waits_for_the_release() -> None:
    late = documents.release("late")
    log = SequencerLog()
    named = {"rollout": None, "candidate": digest_document(late)}
    assert log.ask(BASELINE, OPERATOR, **named) == []
    log.control(documents.document(late))
    assert log.commands[-1].manifest == late


def test_only_an_operator_lifts_a_quarantine_and_only_the_present_one() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.ask(ROLL_BACK)
    lift: dict[str, Any] = {"manifest": documents.CONTROL, "candidate": CANDIDATE_DIGEST}
    assert refusals(log.ask(BASELINE, OPERATOR, **lift, lifts_quarantine=0)) == ["old_quarantine"]
    log.ask(BASELINE, OPERATOR, **lift, lifts_quarantine=1)
    state = log.commands[-1]
    assert (state.quarantine, state.quarantine_version, state.baseline) == ((), 2, CONTROL_DIGEST)
    log.ask(EXPOSE, step=3)
    assert log.commands[-1].exposures
    log.ask(ROLL_BACK, step=4)
    assert log.commands[-1].quarantine_version == 3


def test_an_operator_exposes_again_with_the_version_it_lifts() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.ask(ROLL_BACK)
    log.ask(EXPOSE, OPERATOR, lifts_quarantine=1, step=3)
    assert (log.commands[-1].quarantine, len(log.commands[-1].exposures)) == ((), 1)


def test_a_quarantined_release_is_no_baseline() -> None:
    log = SequencerLog()
    log.ask(ROLL_BACK)
    assert refusals(log.ask(BASELINE, OPERATOR, manifest=documents.CANDIDATE)) == ["quarantined_release"]


def test_a_promoted_release_that_is_rolled_back_gives_way_to_the_one_before() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.ask(PROMOTE)
    other = log.intent(ROLL_BACK, manifest=documents.BASELINE, step=0)
    assert refusals(log.add(signed(other, TRIAGE))) == ["not_approved"]
    log.ask(ROLL_BACK, TRIAGE, step=0)
    state = log.commands[-1]
    assert (state.baseline, state.quarantine, state.generation) == (CONTROL_DIGEST, (CANDIDATE_DIGEST,), 4)
    assert state.manifest == documents.CONTROL


def test_tools_that_only_the_bad_release_brought_are_disabled() -> None:
    candidate = _with_tools("candidate with tools", ("order-entry", "search"))
    baseline = _with_tools("baseline with tools", ("search",))
    rollout = documents.rollout(candidate=digest_document(candidate), control=digest_document(baseline))
    log = SequencerLog(rollout, documented=False)
    log.document()
    log.control(documents.document(candidate))
    log.ask(BASELINE, OPERATOR, manifest=baseline, candidate=None)
    log.ask(EXPOSE)
    assert not log.commands[-1].disabled_tools
    log.ask(ROLL_BACK)
    assert log.commands[-1].disabled_tools == ("order-entry",)


def test_an_older_wish_of_an_operator_is_refused() -> None:
    log = SequencerLog()
    old = signed(log.intent(BASELINE, manifest=documents.BASELINE), OPERATOR)
    log.scenario.wait(1)
    log.ask(BASELINE, OPERATOR, manifest=documents.CANDIDATE)
    assert refusals(log.add(old)) == ["old_generation"]
    assert log.commands[-1].baseline == CANDIDATE_DIGEST


def _hostile() -> list[tuple[Draft, str]]:
    intent = SequencerLog(documented=False).intent(EXPOSE)
    good = signed(intent, GUARD)
    assert good.value is not None
    forged = good.value.replace(b'"sig":"', b'"sig":"AAAA')
    tick = Tick(topic=INTENTS, partition=0, at_ms=documents.START_MS)
    return [
        (good._replace(key=b"gateway-1/tenant-2/scribe"), "wrong_target"),
        (good._replace(key=None), "wrong_target"),
        (good._replace(value=forged), "signature_bad"),
        (good._replace(value=to_json(intent)), "signature_missing"),
        (good._replace(value=None), "signature_missing"),
        (good._replace(value=b"\xff\x00"), "signature_missing"),
        (control(tick, SignerRole.GUARD), "key_wrong_role"),
        (control(tick)._replace(headers=[("hs-control", b"nonsense")]), "unknown_type"),
    ]


@pytest.mark.parametrize(("draft", "reason"), _hostile())
def test_hostile_records_are_refused_and_the_stage_goes_on(draft: Draft, reason: str) -> None:
    log = SequencerLog()
    outputs = log.add(draft)
    assert refusals(outputs) == [reason]
    assert (outputs[0].topic, outputs[0].key) == (DEAD_LETTERS, b"release.intents.v1/0")
    assert _generations(log.ask(EXPOSE)) == 1


def _generations(outputs: list[Output]) -> int:
    return len([output for output in outputs if output.topic == COMMANDS])


def _with_tools(title: str, tools: tuple[str, ...]) -> ReleaseManifest:
    digest = "sha256:" + derive_id("tools", title) * 2
    contracts = Artifact(
        kind=ArtifactKind.TOOL_CONTRACTS, name="tools", artifact_version="1", digest=digest, tools=tools
    )
    return ReleaseManifest(title=title, artifacts=(contracts,))
