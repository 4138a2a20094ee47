"""Overrides at a target: what breaks them is refused there alone, what they withhold is withheld."""

import pytest

from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.detectors.sequencer.configure import configure
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.detectors.sequencer.target_state import MAX_TOOLS, Serving, TargetState
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import Exposure, Variant
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.override import Override, TemplateChoice
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Target
from homeostat.schemas.trace import OutputProperty
from tests.builders import documents
from tests.builders.artifacts import PROMPT, TOOLS, artifact, override, override_document, release
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST, ROLLOUT_ID
from tests.builders.keys import GATEWAY, trust
from tests.builders.sequencer_log import LEASE, TARGET, SequencerLog, refusals

BASELINE, EXPOSE, PROMOTE = IntentAction.BASELINE, IntentAction.EXPOSE, IntentAction.PROMOTE
ROLL_BACK = IntentAction.ROLL_BACK
OPERATOR = SignerRole.OPERATOR
NOTE = override("tenant-1", templates={"note": TemplateChoice(template="visit-note")})
OTHER = Target(gateway=GATEWAY, tenant="tenant-2", workflow="scribe")
PACK = artifact(PROMPT, "1", templates=("visit-note",))
EHR = artifact(TOOLS, "1", tools=("read", "write"))


def test_every_state_says_which_configuration_it_was_stated_under() -> None:
    log = SequencerLog()
    assert log.commands[-1].configuration == OverrideBook().digest([("tenant-1", "scribe")])
    log.control(override_document(NOTE))
    assert log.commands[-1].configuration == OverrideBook([NOTE]).digest([("tenant-1", "scribe")])


def test_a_release_that_drops_a_template_is_refused_for_that_target_alone() -> None:
    log = SequencerLog(documents.rollout(("tenant-1", "tenant-2")))
    log.ask(BASELINE, OPERATOR, manifest=documents.CONTROL, candidate=None, target=OTHER)
    log.control(override_document(NOTE))
    generation = log.target.generation
    assert refusals(log.ask(EXPOSE)) == ["breaks_configuration"]
    assert log.target.generation == generation
    assert refusals(log.ask(EXPOSE, target=OTHER)) == []
    assert [each.candidate for each in log.commands[-1].exposures] == [CANDIDATE_DIGEST]
    assert refusals(log.ask(BASELINE, OPERATOR, manifest=documents.CANDIDATE, candidate=None)) == [
        "breaks_configuration"
    ]


def test_what_was_exposed_before_the_override_goes_on_but_is_not_promoted_and_can_be_taken_back() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.control(override_document(NOTE))
    state = log.commands[-1]
    assert (state.generation, state.baseline, len(state.exposures)) == (3, CONTROL_DIGEST, 1)
    assert state.reason == "the overrides of this target have changed"
    assert refusals(log.ask(PROMOTE)) == ["breaks_configuration"]
    assert refusals(log.ask(ROLL_BACK, step=3)) == []
    assert log.commands[-1].exposures == ()


def test_going_back_to_what_the_overrides_refuse_by_now_is_refused() -> None:
    log = SequencerLog()
    log.ask(BASELINE, OPERATOR, manifest=release(PACK), candidate=None)
    log.control(override_document(NOTE))
    bad = digest_document(release(PACK))
    assert refusals(log.ask(ROLL_BACK, OPERATOR, candidate=bad, rollout=None)) == ["breaks_configuration"]
    assert log.commands[-1].baseline == bad


def test_an_override_that_says_the_same_again_states_nothing_anew() -> None:
    log = SequencerLog()
    log.control(override_document(NOTE))
    generation = log.target.generation
    assert log.control(override_document(NOTE)) == []
    assert log.control(override_document(NOTE, version=2)) == []
    assert log.control(override_document(override("tenant-2", never_on=(OutputProperty.ORDER,)))) == []
    assert log.target.generation == generation


def test_tools_that_are_not_allowed_are_switched_off_and_on_again() -> None:
    log = SequencerLog()
    log.ask(BASELINE, OPERATOR, manifest=release(EHR), candidate=None)
    log.control(override_document(override("tenant-1", allowed_tools=("read",))))
    log.control(override_document(override("tenant-1", allowed_tools=("read", "write")), version=2))
    assert [state.disabled_tools for state in log.commands[-3:]] == [(), ("write",), ()]


def test_no_candidate_is_given_the_work_that_overrides_keep_from_every_candidate() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    assert log.commands[-1].exposures[0].flag is None
    log.control(override_document(override(never_on=(OutputProperty.MEDICATION_CHANGE,))))
    (exposure,) = log.commands[-1].exposures
    assert exposure.flag is not None
    assert exposure.flag.except_properties == (OutputProperty.MEDICATION_CHANGE,)


def test_overrides_count_from_the_first_complete_snapshot_on() -> None:
    log = SequencerLog(documented=False)
    log.control(override_document(NOTE))
    assert log.baseline() == []
    log.document()
    assert log.commands == []
    assert refusals(log.outputs) == ["breaks_configuration"]


def test_a_restored_stage_states_the_same() -> None:
    log = SequencerLog()
    log.ask(EXPOSE)
    log.control(override_document(override("tenant-1", never_on=(OutputProperty.ORDER,))))
    restored = SequencerStage(0, 1, trust())
    restored.restore(log.stage.state_records())
    assert restored.targets == log.stage.targets
    assert restored.state_records() == log.stage.state_records()


def serving(baseline: ReleaseManifest, exposed: str = "", varied: str = "") -> TargetState:
    """A target that serves a release, exposes `CANDIDATE` to one specialty and keeps `CONTROL` for another."""
    exposure = Exposure(
        specialties=(exposed or "x",),
        rollout=ROLLOUT_ID,
        step=1,
        candidate=CANDIDATE_DIGEST,
        manifest=documents.CANDIDATE,
        share=0.5,
        lease=LEASE,
    )
    variant = Variant(specialties=(varied or "x",), release=CONTROL_DIGEST, manifest=documents.CONTROL)
    held = Serving(
        baseline=digest_document(baseline),
        manifest=baseline,
        exposures=(exposure,) if exposed else (),
        variants=(variant,) if varied else (),
    )
    return TargetState(target=TARGET, serving=held)


def refused(before: TargetState, after: TargetState, *overrides: Override) -> str:
    """Why a move is refused; empty where it is not."""
    try:
        configure(before, after, OverrideBook(overrides))
    except PoisonRecord as error:
        return error.detail
    return ""


CARDIOLOGY = override(specialty="cardiology", templates={"note": TemplateChoice(template="visit-note")})


def test_a_specialtys_contract_binds_what_that_specialty_is_given() -> None:
    before = serving(release(PACK))
    missing = "cardiology: templates.note: no artifact brings the template visit-note"
    assert refused(before, serving(release(PACK), exposed="cardiology"), CARDIOLOGY) == missing
    assert refused(before, serving(release(PACK), exposed="oncology"), CARDIOLOGY) == ""
    assert refused(before, serving(documents.CANDIDATE), CARDIOLOGY) == missing
    kept = serving(documents.CANDIDATE, varied="cardiology")
    assert refused(before, kept, CARDIOLOGY) == missing
    assert refused(serving(documents.CONTROL), kept, CARDIOLOGY) == ""


def test_more_tools_to_switch_off_than_a_state_can_name_are_refused() -> None:
    many = [artifact(TOOLS, "1", name=f"kit-{n}", tools=tuple(f"tool-{n}-{i}" for i in range(64))) for n in range(5)]
    nothing = override(allowed_tools=())
    assert (
        refused(serving(release(PACK)), serving(release(*many)), nothing) == f"320 tools are not allowed > {MAX_TOOLS}"
    )
    assert refused(serving(release(PACK)), serving(release(*many[:4])), nothing) == ""


@pytest.mark.parametrize("count", [1, 5])
def test_a_refusal_names_what_is_missing_and_counts_the_rest(count: int) -> None:
    needs = override(required_tools=tuple(f"tool-{n}" for n in range(count)))
    detail = refused(serving(documents.CONTROL), serving(documents.CANDIDATE), needs)
    assert detail.startswith("required_tools: no artifact brings the tool tool-0")
    assert detail.endswith("; and 2 more") is (count == 5)
