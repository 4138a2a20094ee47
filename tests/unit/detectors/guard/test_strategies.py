"""Six strategies, from evidence to what sessions get: through guard, sequencer and gateway, over signed messages."""

from typing import Any

import pytest

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import OrderKind, StopScope
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.policy import Approvals
from homeostat.schemas.release import RiskClass
from homeostat.schemas.rollout import Flag, OnHarm, RolloutPhase, Strategy, Wave, Window
from homeostat.schemas.trace import Arm, OutputProperty
from tests.builders import documents
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.evidence import ratio
from tests.builders.keys import SECOND_REVIEWER
from tests.builders.release_path import FINE, HARM, ReleasePath, state_of

TENANTS, SPECIALTIES = ("tenant-1", "tenant-2"), ("cardiology", "oncology")
COHORTS = [(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES]
FLAG = Flag(except_properties=(OutputProperty.MEDICATION_CHANGE,))


def start(strategy: Strategy, **fields: Any) -> ReleasePath:
    """A rollout over two tenants with two specialties each, begun with what it needs to begin."""
    flag = FLAG if strategy is Strategy.FEATURE_FLAG else None
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, strategy=strategy, flag=flag, **fields))
    path.begin()
    if strategy is Strategy.MANUAL_APPROVAL:
        assert path.guard.decisions == []
        path.approve()
    return path


def all_fine(path: ReleasePath) -> None:
    """Every cohort is said to be fine; tenants that wait for their turn have nothing to say yet."""
    for _ in range(4):
        for cohort in COHORTS:
            if path.phase() is RolloutPhase.EXPOSING and is_exposed(path, cohort):
                path.say(FINE, cohort)


def is_exposed(path: ReleasePath, cohort: tuple[str, str]) -> bool:
    return any((each.tenant, each.specialty) == cohort for each in path.last.exposed)


def served_everywhere(path: ReleasePath) -> set[str]:
    return {path.served(*cohort) for cohort in COHORTS}


@pytest.mark.parametrize("strategy", Strategy)
def test_from_start_to_promotion(strategy: Strategy) -> None:
    path = start(strategy)
    assert path.last.verdict is Verdict.BEGIN
    all_fine(path)
    assert (path.last.verdict, path.phase()) == (Verdict.HEALTHY, RolloutPhase.PROMOTED)
    assert {(each.tenant, each.specialty) for each in path.last.promoted} == set(COHORTS)
    assert served_everywhere(path) == {"candidate"}
    assert path.refused == []


@pytest.mark.parametrize("strategy", Strategy)
def test_from_start_to_rollback(strategy: Strategy) -> None:
    path = start(strategy)
    path.say(HARM, COHORTS[0])
    assert (path.last.verdict, path.phase()) == (Verdict.HARMFUL, RolloutPhase.ROLLED_BACK)
    assert served_everywhere(path) == {"control"}
    assert path.refused == []
    assert all(state_of(path, tenant).quarantine == (CANDIDATE_DIGEST,) for tenant in TENANTS)


@pytest.mark.parametrize("strategy", Strategy)
def test_from_start_to_abort(strategy: Strategy) -> None:
    path = start(strategy)
    path.order(OrderKind.ABORT)
    assert (path.last.verdict, path.phase()) == (Verdict.OPERATOR, RolloutPhase.ABORTED)
    assert path.last.reason == "abort ordered by ada: drill"
    assert served_everywhere(path) == {"control"}
    assert path.refused == []
    assert all(state_of(path, tenant).quarantine == () for tenant in TENANTS)


@pytest.mark.parametrize("strategy", Strategy)
def test_without_homeostat_exposure_ends_with_the_lease(strategy: Strategy) -> None:
    path = start(strategy)
    path.guard.scenario.wait(16.0)
    assert served_everywhere(path) == {"control"}


def test_tenant_by_tenant_promotes_one_before_the_next_begins() -> None:
    path = start(Strategy.TENANT_BY_TENANT)
    assert [path.served(tenant, "cardiology") for tenant in TENANTS] == ["both", "control"]
    for specialty in SPECIALTIES:
        path.say(FINE, ("tenant-1", specialty))
    assert (path.last.verdict, path.last.wave) == (Verdict.ADVANCE, 1)
    assert [path.served(tenant, "cardiology") for tenant in TENANTS] == ["candidate", "both"]
    path.say(HARM, ("tenant-2", "oncology"))
    assert path.phase() is RolloutPhase.ROLLED_BACK
    assert [path.served(tenant, "cardiology") for tenant in TENANTS] == ["candidate", "control"]
    assert [state_of(path, tenant).quarantine for tenant in TENANTS] == [(), (CANDIDATE_DIGEST,)]


def test_waves_widen_on_evidence_and_raise_the_share() -> None:
    waves = (Wave(share=0.1, specialties=("cardiology",), min_pairs=20, bake_s=30.0), Wave(share=0.5))
    path = start(Strategy.COHORT_CANARY, waves=waves)
    assert {path.served(*cohort) for cohort in COHORTS if cohort[1] == "oncology"} == {"control"}
    for tenant in TENANTS:
        path.say(0.0, (tenant, "cardiology"), pairs=25, ratio_log_e=ratio(3, 27, 0.1))
    assert path.last.verdict is Verdict.BEGIN
    for _ in range(31):
        path.tick()
    assert (path.last.verdict, path.last.wave, path.last.share) == (Verdict.ADVANCE, 1, 0.5)
    assert served_everywhere(path) == {"both"}
    assert {each.share for tenant in TENANTS for each in state_of(path, tenant).exposures} == {0.5}


def test_a_ratio_of_the_former_share_does_not_hold_the_next_wave() -> None:
    path = start(Strategy.GLOBAL, waves=(Wave(share=0.1, min_pairs=20), Wave(share=0.5)))
    for cohort in COHORTS:
        path.say(0.0, cohort, pairs=25, ratio_log_e=ratio(20, 180, 0.1))
    assert path.last.verdict is Verdict.ADVANCE
    path.say(0.0, COHORTS[0], pairs=30, step=1, ratio_log_e=ratio(200, 200, 0.1))
    assert path.last.verdict is Verdict.ADVANCE
    path.say(0.0, COHORTS[0], pairs=30, ratio_log_e=ratio(200, 20, 0.5))
    assert path.phase() is RolloutPhase.HELD


def test_one_harmed_specialty_goes_back_and_the_others_are_promoted() -> None:
    path = start(Strategy.COHORT_CANARY, on_harm=OnHarm.COHORT)
    former = state_of(path, "tenant-1").exposures[0].lease
    path.say(HARM, ("tenant-1", "oncology"))
    assert (path.last.verdict, path.phase()) == (Verdict.HARMFUL, RolloutPhase.EXPOSING)
    assert path.served("tenant-1", "oncology") == "control"
    assert path.served("tenant-1", "cardiology") == "both"
    assert all(each.lease != former for tenant in TENANTS for each in state_of(path, tenant).exposures)
    all_fine(path)
    assert path.phase() is RolloutPhase.PROMOTED
    assert {cohort: path.served(*cohort) for cohort in COHORTS} == {
        cohort: "control" if cohort == ("tenant-1", "oncology") else "candidate" for cohort in COHORTS
    }
    state = state_of(path, "tenant-1")
    assert (state.baseline, state.variants[0].release, state.variants[0].specialties) == (
        CANDIDATE_DIGEST,
        CONTROL_DIGEST,
        ("oncology",),
    )
    assert (state.quarantine, state.barred[0].specialties) == ((), ("oncology",))


def test_a_gateway_that_hears_no_command_stops_exposing_a_harmed_specialty() -> None:
    path = start(Strategy.COHORT_CANARY, on_harm=OnHarm.COHORT)
    path.cut_off = "commands"
    path.say(HARM, ("tenant-1", "oncology"))
    path.tick()
    assert served_everywhere(path) == {"control"}
    path.cut_off = ""
    path.catch_up()
    assert [path.served("tenant-1", specialty) for specialty in SPECIALTIES] == ["both", "control"]


def test_harm_everywhere_ends_a_rollout_that_takes_back_by_cohort() -> None:
    path = start(Strategy.COHORT_CANARY, on_harm=OnHarm.COHORT)
    for cohort in COHORTS:
        path.say(HARM, cohort)
    assert path.phase() is RolloutPhase.ROLLED_BACK
    assert served_everywhere(path) == {"control"}


def test_a_flag_never_gives_the_candidate_to_excepted_work() -> None:
    path = start(Strategy.FEATURE_FLAG)
    assert path.served("tenant-1", "oncology") == "both"
    properties = (OutputProperty.MEDICATION_CHANGE, OutputProperty.DIAGNOSIS)
    found = {path.serve("tenant-1", "oncology", number, properties) for number in range(64)}
    assert {(each.release, each.arm) for each in found if each} == {(CONTROL_DIGEST, Arm.BASELINE)}


def test_manual_approval_needs_a_signature_for_each_wave() -> None:
    path = start(Strategy.MANUAL_APPROVAL, waves=(Wave(tenants=("tenant-1",), min_pairs=20), Wave()))
    for specialty in SPECIALTIES:
        path.say(0.0, ("tenant-1", specialty), pairs=30)
    path.tick()
    assert path.last.verdict is Verdict.BEGIN
    path.approve(waves=2)
    assert (path.last.verdict, path.last.approved_by) == (Verdict.ADVANCE, ("reviewer-1",))
    assert path.served("tenant-2", "cardiology") == "both"


def test_a_shadow_reaches_no_one() -> None:
    path = start(Strategy.SHADOW)
    assert served_everywhere(path) == {"control"}
    serving = path.serve("tenant-1", "oncology", 7)
    assert serving is not None
    assert serving.shadow is not None
    assert (serving.arm, serving.shadow.release) == (Arm.CONTROL, CANDIDATE_DIGEST)
    assert serving.shadow.session != f"{7:032x}"
    path.order(OrderKind.PAUSE)
    judged = {cell.signal for cell in path.last.guardrails}
    assert "omission" in judged
    assert "acceptance" not in judged  # nobody accepts what nobody saw


def test_a_high_risk_needs_two_people_and_not_the_author() -> None:
    manifest = documents.CANDIDATE.model_copy(update={"risk": RiskClass.HIGH, "author": "reviewer-1"})
    path = ReleasePath(documents.rollout(candidate=digest_document(manifest)))
    path.guard.control(documents.document(manifest))
    path.begin()
    path.approve()
    path.approve(SECOND_REVIEWER)
    path.tick()
    assert path.guard.decisions == []
    state = path.guard.stage.rollouts[path.rollout.rollout]
    assert state.reason == "wave 1 of 1 waits for approvals: 1 < 2"


def test_two_reviewers_let_a_high_risk_begin() -> None:
    policy = documents.policy(approvals=Approvals(medium=2))
    path = ReleasePath(documents.rollout(), policy)
    path.begin()
    path.approve()
    assert path.guard.decisions == []
    path.approve(SECOND_REVIEWER)
    assert path.last.approved_by == ("reviewer-1", "reviewer-2")


def test_pause_and_resume_go_on_with_the_evidence() -> None:
    path = start(Strategy.COHORT_CANARY)
    path.say(0.0, COHORTS[0], pairs=25)
    path.order(OrderKind.PAUSE)
    assert (path.phase(), served_everywhere(path)) == (RolloutPhase.PAUSED, {"control"})
    for _ in range(3):
        path.tick(20.0)
    assert path.phase() is RolloutPhase.PAUSED
    path.order(OrderKind.RESUME)
    assert (path.phase(), served_everywhere(path)) == (RolloutPhase.EXPOSING, {"both"})
    all_fine(path)
    assert path.phase() is RolloutPhase.PROMOTED


def test_a_rollout_held_for_its_ratio_resumes_with_a_new_count() -> None:
    path = start(Strategy.COHORT_CANARY)
    path.say(0.0, COHORTS[0], pairs=30, ratio_log_e=ratio(200, 20))
    assert path.phase() is RolloutPhase.HELD
    path.order(OrderKind.RESUME)
    path.tick()
    assert path.phase() is RolloutPhase.EXPOSING


@pytest.mark.parametrize(
    "scope",
    [{"scope": StopScope.EVERYTHING}, {"scope": StopScope.RELEASE, "release": CANDIDATE_DIGEST}],
    ids=["everything", "release"],
)
def test_an_emergency_stop_ends_exposure_at_once_and_keeps_it_out(scope: dict[str, Any]) -> None:
    path = start(Strategy.COHORT_CANARY)
    path.stop(**scope)
    assert (path.last.verdict, path.phase()) == (Verdict.STOPPED, RolloutPhase.ABORTED)
    assert served_everywhere(path) == {"control"}


def test_an_emergency_stop_of_a_tenant_leaves_the_other_alone() -> None:
    path = start(Strategy.COHORT_CANARY)
    path.stop(scope=StopScope.TENANT, tenant="tenant-2")
    assert path.phase() is RolloutPhase.EXPOSING
    assert [path.served(tenant, "oncology") for tenant in TENANTS] == ["both", "control"]
    assert state_of(path, "tenant-2").barred == ()
    path.say(FINE, ("tenant-1", "cardiology"))
    path.say(FINE, ("tenant-1", "oncology"))
    assert path.phase() is RolloutPhase.PROMOTED
    assert [path.served(tenant, "oncology") for tenant in TENANTS] == ["candidate", "control"]


def test_a_stopped_sequencer_states_no_exposure() -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES))
    path.stop(scope=StopScope.EVERYTHING)
    path.begin()
    assert path.guard.decisions == []
    assert path.guard.stage.rollouts[path.rollout.rollout].reason.startswith("an emergency stop covers 4 of 4")


def test_stopped_automation_states_nothing_while_verdicts_go_on() -> None:
    path = start(Strategy.COHORT_CANARY)
    path.stop(scope=StopScope.AUTOMATION)
    all_fine(path)
    assert path.last.verdict is Verdict.BEGIN
    before = len(path.sequencer.commands)
    path.say(HARM, COHORTS[0])
    assert (path.last.verdict, path.last.health) == (Verdict.HARMFUL, Health.HARMFUL)
    assert len(path.sequencer.commands) == before
    assert served_everywhere(path) == {"control"}


def test_what_must_never_be_takes_everything_back() -> None:
    path = start(Strategy.COHORT_CANARY, on_harm=OnHarm.COHORT)
    path.say(0.0, COHORTS[3], pairs=1, never=("invented_allergy",))
    assert (path.last.verdict, path.phase()) == (Verdict.NEVER, RolloutPhase.ROLLED_BACK)
    assert path.last.reason == "invented_allergy occurred, which must never be, in tenant-2/oncology/scribe"
    assert served_everywhere(path) == {"control"}


def test_a_window_keeps_a_rollout_waiting() -> None:
    path = ReleasePath(documents.rollout(windows=(Window(days=(0,)),)))
    path.begin()
    assert path.guard.decisions == []  # the log begins on a Tuesday
    state = path.guard.stage.rollouts[path.rollout.rollout]
    assert state.reason == "wave 1 of 1 waits for one of the rollout's 1 windows"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"waves": (Wave(tenants=("tenant-9",)),)}, "wave 1 names no cohort"),
        ({"waves": (Wave(tenants=("tenant-1",)),)}, "the waves reach 2 of 4 cohorts"),
        ({"strategy": Strategy.GLOBAL, "waves": (Wave(tenants=("tenant-1",)), Wave())}, "chooses by itself"),
        ({"strategy": Strategy.TENANT_BY_TENANT, "waves": (Wave(), Wave())}, "2 waves > 1"),
        ({"strategy": Strategy.SHADOW, "waves": (Wave(share=0.2),)}, "its waves have no share"),
        ({"strategy": Strategy.SHADOW, "guardrails": ("acceptance",)}, "feedback cannot judge acceptance"),
    ],
)
def test_a_plan_that_cannot_be_followed_says_why(fields: dict[str, Any], words: str) -> None:
    path = ReleasePath(documents.rollout(TENANTS, SPECIALTIES, **fields))
    path.begin()
    state = path.guard.stage.rollouts[path.rollout.rollout]
    assert (path.guard.decisions, state.health) == ([], Health.ERROR)
    assert words in state.reason
