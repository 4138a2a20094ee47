"""One class for each strand that leads, with everything upstream of it still; two causes; what the inputs explain."""

from typing import Any

import pytest

from homeostat.schemas.alarm import Companion
from homeostat.schemas.drift_event import DriftClass, DriftEvent, Harm, NextStep
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Carrier, Direction, Family, Role
from homeostat.schemas.trace import Arm
from tests.builders.documents import START_MS, signal
from tests.unit.detectors.triage.alarms import Triage, alarm, companion, input_alarm, leaf, moved_alarm

CANDIDATE, CONTROL = leaf(arm=Arm.CANDIDATE), leaf(arm=Arm.CONTROL)
STEADY_INPUTS = (
    companion("dialogue_length", family=Family.INPUT),
    companion("field_completeness", family=Family.INPUT),
)
STEADY_OUTPUTS = (companion("structure_score"),)
MOVED_INPUT = companion("dialogue_length", 0.35, family=Family.INPUT)


def first_event(family: Family, *companions: Companion, **fields: Any) -> DriftEvent:
    (event,) = Triage(with_rollout=False).alarm(moved_alarm(1, family, companions=companions, **fields))
    return event


def reasons(event: DriftEvent, drift_class: DriftClass, supports: bool) -> str:
    return " ".join(e.reason for e in event.evidence if (e.drift_class, e.supports) == (drift_class, supports))


@pytest.mark.parametrize(
    ("family", "carrier", "drift_class", "step"),
    [
        (Family.INPUT, Carrier.WORK, DriftClass.DATA_DRIFT, NextStep.CHECK_INPUTS),
        (Family.OUTPUT, Carrier.WORK, DriftClass.PROMPT_DRIFT, NextStep.CHECK_CONFIGURATION),
        (Family.SAFETY, Carrier.WORK, DriftClass.POLICY_DRIFT, NextStep.ENFORCE_POLICY),
        (Family.SAFETY, Carrier.FEEDBACK, DriftClass.POLICY_DRIFT, NextStep.ENFORCE_POLICY),
        (Family.WORKFLOW, Carrier.WORK, DriftClass.WORKFLOW_DRIFT, NextStep.REVIEW_WORKFLOW),
        (Family.WORKFLOW, Carrier.FEEDBACK, DriftClass.PRODUCT_MISMATCH, NextStep.ASK_USERS),
        (Family.OUTCOME, Carrier.FEEDBACK, DriftClass.CONCEPT_DRIFT, NextStep.REVIEW_SAMPLE),
        (Family.OPERATIONS, Carrier.WORK, DriftClass.UNEXPLAINED, NextStep.REVIEW_SAMPLE),
    ],
)
def test_the_strand_that_moved_alone_gives_the_class(
    family: Family, carrier: Carrier, drift_class: DriftClass, step: NextStep
) -> None:
    event = first_event(family, carrier=carrier)
    assert (event.drift_class, event.harm, event.next_step) == (drift_class, Harm.UNDETERMINED, step)
    assert event.also == ()
    assert {item.drift_class for item in event.evidence} == set(DriftClass), "each class is weighed"
    assert reasons(event, drift_class, supports=True)


@pytest.mark.parametrize(
    ("upstream", "downstream", "drift_class"),
    [
        (Family.INPUT, Family.OUTPUT, DriftClass.DATA_DRIFT),
        (Family.INPUT, Family.OUTCOME, DriftClass.DATA_DRIFT),
        (Family.OUTPUT, Family.SAFETY, DriftClass.PROMPT_DRIFT),
        (Family.OUTPUT, Family.OUTCOME, DriftClass.PROMPT_DRIFT),
        (Family.SAFETY, Family.OUTCOME, DriftClass.POLICY_DRIFT),
        (Family.WORKFLOW, Family.OUTCOME, DriftClass.WORKFLOW_DRIFT),
        (Family.OUTCOME, Family.OPERATIONS, DriftClass.CONCEPT_DRIFT),
    ],
)
@pytest.mark.parametrize("beside", [True, False])
def test_the_most_upstream_that_moved_leads_whether_it_alarmed_or_stood_beside(
    upstream: Family, downstream: Family, drift_class: DriftClass, beside: bool
) -> None:
    triage = Triage(with_rollout=False)
    also_moved = (companion(f"{upstream.value}-signal", 0.4, family=upstream),) if beside else ()
    (event,) = triage.alarm(moved_alarm(1, downstream, companions=also_moved))
    if not beside:
        triage.alarm(moved_alarm(2, upstream))
        (event,) = triage.tick()
    assert event.drift_class is drift_class


def test_what_is_shown_steady_makes_surer_and_what_moved_a_little_less_sure() -> None:
    unknown = companion("dialogue_length", family=Family.INPUT, half=0.2)
    little = companion("dialogue_length", 0.23, 0.01, family=Family.INPUT)
    bare = first_event(Family.OUTPUT)
    shown = first_event(Family.OUTPUT, *STEADY_INPUTS)
    assert first_event(Family.OUTPUT, unknown).confidence == bare.confidence
    assert first_event(Family.OUTPUT, little).confidence < bare.confidence < shown.confidence == 1.0
    assert "2 of 2 columns shown within tolerance" in reasons(shown, DriftClass.PROMPT_DRIFT, supports=True)
    assert "not known: inputs: no alarm" in reasons(bare, DriftClass.PROMPT_DRIFT, supports=False)
    assert {event.drift_class for event in (bare, shown)} == {DriftClass.PROMPT_DRIFT}


def test_what_the_inputs_explain_is_data_drift() -> None:
    event = first_event(Family.OUTPUT, MOVED_INPUT, explained=0.18)
    assert (event.drift_class, event.also) == (DriftClass.DATA_DRIFT, ())
    assert event.confidence == 1.0
    said = "output-signal +0.200, of which inputs +0.180, remains +0.020, <= tolerance 0.050 (n=100)"
    assert said in reasons(event, DriftClass.DATA_DRIFT, supports=True)
    assert "dialogue_length 0.350 in [0.330, 0.370]" in reasons(event, DriftClass.DATA_DRIFT, supports=True)


def test_what_the_inputs_do_not_explain_is_a_second_cause() -> None:
    event = first_event(Family.OUTPUT, MOVED_INPUT, explained=0.05)
    assert (event.drift_class, event.also) == (DriftClass.DATA_DRIFT, (DriftClass.PROMPT_DRIFT,))
    assert "remains +0.150, > tolerance" in reasons(event, DriftClass.DATA_DRIFT, supports=False)
    assert "The inputs do not explain all of it" in event.sentence
    assert event.confidence < first_event(Family.OUTPUT, MOVED_INPUT).confidence < 1.0


def test_the_owner_is_that_of_the_signal_that_leads() -> None:
    triage = Triage(with_rollout=False)
    owned = [
        spec.model_copy(update={"owner": "intake"}) if spec.name == "dialogue_length" else spec
        for spec in triage.policy.signals
    ]
    triage = Triage(with_rollout=False, signals=tuple(owned))
    (event,) = triage.alarm(moved_alarm(1, Family.OUTPUT, companions=(MOVED_INPUT,)))
    assert event.owner == "intake"


def test_a_column_has_the_owner_of_its_signal_and_a_spread_beside_its_value_says_nothing_new() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(input_alarm(1, signal="dialogue_length--spread"))
    assert "dialogue length is less consistent" in event.sentence
    assert event.drift_class is DriftClass.DATA_DRIFT
    triage.alarm(input_alarm(2))
    (event,) = triage.tick()
    assert [change.signal for change in event.changes] == ["dialogue_length"]
    assert event.alarms == 2


def test_both_arms_alike_with_steady_inputs_is_prompt_drift() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(moved_alarm(1, Family.OUTPUT, CANDIDATE, companions=STEADY_INPUTS))
    triage.alarm(moved_alarm(2, Family.OUTPUT, CONTROL, companions=STEADY_INPUTS))
    (event,) = triage.tick()
    assert event.drift_class is DriftClass.PROMPT_DRIFT
    assert "both arms moved alike" in reasons(event, DriftClass.PROMPT_DRIFT, supports=True)


def test_inputs_of_both_arms_rule_the_release_out_where_they_explain_its_change() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(input_alarm(1, CANDIDATE))
    triage.alarm(input_alarm(2, CONTROL))
    triage.alarm(moved_alarm(3, Family.OUTPUT, CANDIDATE, explained=0.19))
    (event,) = triage.tick()
    assert (event.drift_class, event.also) == (DriftClass.DATA_DRIFT, ())


def test_a_release_and_other_inputs_at_once_are_both_named() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(input_alarm(1, CANDIDATE))
    triage.alarm(input_alarm(2, CONTROL))
    triage.alarm(moved_alarm(3, Family.OUTPUT, CANDIDATE))
    (event,) = triage.tick()
    assert (event.drift_class, event.also) == (DriftClass.DATA_DRIFT, (DriftClass.RELEASE_REGRESSION,))
    triage.alarm(moved_alarm(4, Family.OUTPUT, CANDIDATE, explained=0.0))
    (event,) = triage.tick()
    assert (event.drift_class, event.also) == (DriftClass.RELEASE_REGRESSION, (DriftClass.DATA_DRIFT,))


def test_what_retrieval_finds_on_the_exposed_arm_alone_is_the_releases() -> None:
    hits = {"signal": "retrieval_hits", "role": Role.SIGNAL, "direction": Direction.DOWN, "observed": 0.05}
    triage = Triage(
        signals=(*Triage().policy.signals, signal("retrieval_hits", family=Family.INPUT, source="retrieval_hits"))
    )
    triage.expose()
    (event,) = triage.alarm(moved_alarm(1, Family.INPUT, CANDIDATE, **hits))
    assert event.drift_class is DriftClass.RELEASE_REGRESSION


def test_a_limit_that_was_always_crossed_is_dangerous_and_no_drift() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(alarm(1, observed=0.21, limit=0.15, family=Family.SAFETY))
    assert (event.drift_class, event.harm) == (DriftClass.UNEXPLAINED, Harm.DANGEROUS)
    assert event.next_step is NextStep.OPEN_INCIDENT
    assert "edit_ratio 0.210 > limit 0.150" in reasons(event, DriftClass.UNEXPLAINED, supports=True)
    (event,) = Triage(with_rollout=False).alarm(alarm(1, limit=0.3, family=Family.SAFETY))
    assert event.drift_class is DriftClass.POLICY_DRIFT


def test_the_guards_verdict_is_an_event_before_any_leaf_alarms() -> None:
    triage = Triage()
    triage.expose()
    triage.log.wait(30)
    (event,) = triage.judge_harmful(2)
    assert (event.drift_class, event.harm) == (DriftClass.RELEASE_REGRESSION, Harm.DANGEROUS)
    assert (event.scope, event.alarms, event.changes) == (CANDIDATE, 0, ())
    assert (event.onset_from_ms, event.onset_to_ms) == (START_MS, START_MS + 30_000)
    assert event.next_step is NextStep.WATCH
    assert "the guard judged the release on trial (omission is worse)" in event.sentence


def test_the_guards_verdict_widens_the_event_of_a_candidate() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(alarm(1, leaf(arm=Arm.CANDIDATE, specialty="oncology")))
    (event,) = triage.judge_harmful(2) or triage.tick()
    assert event.scope.key == "tenant_workflow/tenant-1/-/scribe/-"


def test_a_verdict_that_says_nothing_about_quality_is_no_event() -> None:
    triage = Triage()
    triage.expose()
    assert triage.step(2, RolloutPhase.LAPSED) == []
    assert not triage.stage.open_events
