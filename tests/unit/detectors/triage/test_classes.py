"""What kind of change it is, whether it is bad, what to do, and who does it: with sentences that carry numbers."""

from typing import Any

import pytest

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.command import Acknowledgement, AckOutcome
from homeostat.schemas.decision import Verdict
from homeostat.schemas.drift_event import Disposition, DriftClass, DriftEvent, EventStatus, Harm, NextStep
from homeostat.schemas.effect import Outcome
from homeostat.schemas.policy import Effects
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Direction, Family, Role
from homeostat.schemas.trace import Arm
from tests.builders.documents import ROLLOUT_ID, START_MS
from tests.builders.keys import GATEWAY
from tests.unit.detectors.triage.alarms import ROLLOUT, WINDOW_S, Triage, alarm, companion, input_alarm, leaf

CANDIDATE, CONTROL = leaf(arm=Arm.CANDIDATE), leaf(arm=Arm.CONTROL)


def reasons(event: DriftEvent, drift_class: DriftClass, supports: bool) -> str:
    return " ".join(e.reason for e in event.evidence if (e.drift_class, e.supports) == (drift_class, supports))


def test_only_the_exposed_arm_is_a_release_regression() -> None:
    triage = Triage()
    triage.expose()
    (event,) = triage.alarm(alarm(1, CANDIDATE, START_MS + 1000))
    assert (event.drift_class, event.harm) == (DriftClass.RELEASE_REGRESSION, Harm.DANGEROUS)
    assert (event.next_step, event.owner) == (NextStep.ROLL_BACK, "release")
    assert (event.rollout, event.scope) == (ROLLOUT_ID, CANDIDATE)
    assert event.releases == (ROLLOUT.candidate,)
    assert "edit_ratio 0.400 > 0.220" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=True)
    assert "n=100, e=1.2e+04 >= 1e+04" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=True)
    assert event.sentence == (
        "Since 2023-11-14 22:13:21 UTC (at the latest 2023-11-14 22:13:22 UTC), in cardiology (scribe) at tenant-1, "
        "candidate arm: edit ratio rose to 0.40 from 0.20 (+0.20, between +0.03 and +0.39; tolerance 0.05; n=100). "
        "Only where the new release is used has this changed: it is the likely cause. It changed model scribe-model. "
        "This is beyond what is tolerated and may harm patients. Next: take the release back (release)."
    )


def test_within_tolerance_holds_rather_than_rolls_back() -> None:
    triage = Triage()
    triage.expose()
    (event,) = triage.alarm(alarm(1, CANDIDATE, observed=0.24))
    assert (event.harm, event.next_step) == (Harm.UNDETERMINED, NextStep.HOLD_ROLLOUT)


@pytest.mark.parametrize("other", [CONTROL, leaf()])
@pytest.mark.parametrize("candidate_first", [True, False])
def test_both_arms_alike_is_no_release_regression(other: object, candidate_first: bool) -> None:
    triage = Triage()
    triage.expose()
    cohorts = [CANDIDATE, other] if candidate_first else [other, CANDIDATE]
    for number, cohort in enumerate(cohorts):
        triage.alarm(alarm(number, cohort))  # type: ignore[arg-type]  # parametrised over cohorts
    (event,) = triage.tick()
    assert event.drift_class is DriftClass.CONCEPT_DRIFT
    assert event.alarms == 2
    assert (event.harm, event.next_step) == (Harm.DANGEROUS, NextStep.REVIEW_SAMPLE)
    assert "both arms moved alike" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=False)


def test_inputs_that_moved_in_both_arms_are_data_drift() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(input_alarm(1, CANDIDATE))
    triage.alarm(input_alarm(2, CONTROL))
    (event,) = triage.tick()
    assert (event.drift_class, event.harm) == (DriftClass.DATA_DRIFT, Harm.UNDETERMINED)
    assert (event.next_step, event.owner) == (NextStep.CHECK_INPUTS, "platform")
    assert "dialogue_length" in reasons(event, DriftClass.DATA_DRIFT, supports=True)


def test_an_input_of_the_candidate_is_data_drift_while_nothing_is_heard_of_the_other_arm() -> None:
    triage = Triage()
    triage.expose()
    (event,) = triage.alarm(input_alarm(1, CANDIDATE))
    assert event.drift_class is DriftClass.DATA_DRIFT
    assert event.confidence < 0.8
    assert "nothing that a release can move" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=False)
    triage.alarm(alarm(2, CANDIDATE))
    triage.alarm(alarm(3, CONTROL, companions=(companion("dialogue_length", family=Family.INPUT),)))
    (event,) = triage.tick()
    assert event.drift_class is DriftClass.CONCEPT_DRIFT
    assert "an input moved on the exposed arm alone" in reasons(event, DriftClass.DATA_DRIFT, supports=False)


def test_inputs_without_a_rollout_are_data_drift_and_an_incident_if_dangerous() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(input_alarm(1))
    assert event.drift_class is DriftClass.DATA_DRIFT
    triage.alarm(alarm(2))
    (event,) = triage.tick()
    assert (event.drift_class, event.harm) == (DriftClass.DATA_DRIFT, Harm.DANGEROUS)
    assert (event.next_step, event.disposition) == (NextStep.CHECK_INPUTS, Disposition.INCIDENT)
    assert event.changes[0].signal == "edit_ratio", "the gravest comes first"


def test_a_shift_that_nothing_explains() -> None:
    triage = Triage()
    moved: dict[str, Any] = {"signal": "latency", "family": Family.OPERATIONS, "role": Role.SIGNAL}
    (event,) = triage.alarm(alarm(1, harmful=False, observed=0.1, direction=Direction.DOWN, **moved))
    assert (event.drift_class, event.harm) == (DriftClass.UNEXPLAINED, Harm.UNDETERMINED)
    assert event.next_step is NextStep.REVIEW_SAMPLE
    assert "latency fell to 0.10 from 0.20" in event.sentence
    assert "no rollout" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=False)


def test_a_change_before_the_exposure_is_not_the_releases() -> None:
    triage = Triage()
    triage.log.wait(60)
    triage.expose()
    (event,) = triage.alarm(alarm(1, CANDIDATE, START_MS))
    assert event.drift_class is DriftClass.UNEXPLAINED
    assert "before the exposure began" in reasons(event, DriftClass.RELEASE_REGRESSION, supports=False)


def test_what_the_guard_did_is_said_and_the_event_closes_when_the_signals_have_returned() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(alarm(1, CANDIDATE))
    triage.log.wait(5)
    triage.step(2, RolloutPhase.ROLLED_BACK, verdict=Verdict.HARMFUL, deciding=("edit_ratio",))
    (event,) = triage.tick()
    assert (event.status, event.next_step) == (EventStatus.UPDATED, NextStep.WATCH)
    assert "The guard already rolled the release back at 2023-11-14 22:13:25 UTC because of edit ratio; 0 of 1" in (
        event.sentence
    )
    triage.log.wait(1)
    acknowledge(triage)
    (event,) = triage.tick()
    assert event.status is EventStatus.UPDATED, "that it was confirmed is not yet its effect"
    assert "1 of 1 targets have confirmed" in event.sentence
    triage.effect(Outcome.WATCHING, final=False)
    assert triage.tick(WINDOW_S * 3)[0].status is EventStatus.UPDATED, "silence is not its effect either"
    triage.effect(Outcome.RETURNED, revision=2)
    (event,) = triage.tick()
    assert (event.status, event.closed_because) == (EventStatus.CLOSED, "signals_returned: 1 of 1 targets returned")
    assert not triage.stage.open_events


def test_an_effect_that_is_not_shown_in_time_closes_as_what_it_is() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(alarm(1, CANDIDATE))
    triage.judge_harmful(2)
    triage.effect(Outcome.NOT_SHOWN)
    (event,) = triage.tick()
    assert (event.status, event.closed_because) == (EventStatus.CLOSED, "not_shown: 1 of 1 targets not_shown")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.STILL_SERVED, "The release is still in use nevertheless."),
        (Outcome.NOT_RETURNED, "What was affected has not returned to what it was."),
    ],
)
def test_an_effect_that_is_missing_is_an_incident(outcome: Outcome, words: str) -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(alarm(1, CANDIDATE))
    triage.judge_harmful(2)
    assert triage.tick()[0].next_step is NextStep.WATCH
    triage.effect(outcome, final=False)
    (event,) = triage.tick()
    assert (event.status, event.next_step) == (EventStatus.UPDATED, NextStep.OPEN_INCIDENT)
    assert event.disposition is Disposition.INCIDENT
    assert words in event.sentence
    triage.effect(Outcome.RETURNED, revision=2)
    assert triage.tick()[0].closed_because.startswith("signals_returned: ")


def acknowledge(triage: Triage) -> None:
    triage.log.control(
        Acknowledgement(
            gateway=GATEWAY,
            target=ROLLOUT.targets[0].target,
            generation=3,
            state_digest=digest_bytes(b""),
            outcome=AckOutcome.APPLIED,
            at_ms=triage.log.now_ms,
        )
    )
    triage.read()


def test_a_candidate_that_is_still_in_use_long_after_its_end_is_an_incident() -> None:
    triage = Triage()
    triage.expose()
    triage.alarm(alarm(1, CANDIDATE))
    triage.step(2, RolloutPhase.ROLLED_BACK, verdict=Verdict.HARMFUL, deciding=("omission",))
    triage.effect(Outcome.RETURNED)
    assert triage.tick()[0].status is EventStatus.CLOSED
    triage.log.wait(WINDOW_S + 1)
    (event,) = triage.alarm(alarm(2, CANDIDATE, triage.log.now_ms, rollout=None))
    assert (event.rollout, event.next_step, event.owner) == (ROLLOUT_ID, NextStep.OPEN_INCIDENT, "release")
    assert "The release is still in use nevertheless." in event.sentence
    assert triage.tick() == [], "an effect of before it is none of its"
    (closed,) = triage.tick(2 * WINDOW_S + 1)
    assert closed.closed_because.startswith("quiet: ")


def test_the_tail_of_an_ended_rollout_without_its_id_is_the_rollouts() -> None:
    triage = Triage()
    triage.expose()
    triage.step(2, RolloutPhase.ROLLED_BACK, verdict=Verdict.HARMFUL, deciding=("omission",))
    triage.alarm(alarm(1, CANDIDATE, role=Role.SIGNAL, rollout=None))
    (event,) = triage.tick()
    assert (event.rollout, event.drift_class) == (ROLLOUT_ID, DriftClass.RELEASE_REGRESSION)
    assert event.harm is Harm.DANGEROUS, "the guard found omission worse than tolerated"
    (elsewhere,) = triage.alarm(alarm(2, leaf("tenant-9", Arm.CANDIDATE), rollout=None, signal="omission"))
    assert elsewhere.rollout is None


def test_a_rollback_of_whose_effect_nothing_is_heard_closes_as_not_shown() -> None:
    triage = Triage(effects=Effects(watch_s=600.0))
    triage.expose()
    triage.alarm(alarm(1, CANDIDATE))
    triage.step(2, RolloutPhase.LAPSED, verdict=Verdict.LAPSE)
    triage.tick(1190)
    assert triage.stage.open_events
    (event,) = triage.tick(20)
    assert event.status is EventStatus.CLOSED
    assert event.closed_because == "not_shown: nothing was heard of its effect for 1210 s > 1200 s"
    assert "The exposure lapsed" in event.sentence


def test_a_promoted_release_that_regresses_is_to_be_taken_back() -> None:
    triage = Triage()
    triage.expose()
    triage.step(2, RolloutPhase.PROMOTED, verdict=Verdict.HEALTHY)
    (event,) = triage.alarm(alarm(1, CANDIDATE, START_MS))
    assert event.next_step is NextStep.ROLL_BACK
    assert "The guard promoted the release" in event.sentence


def test_the_alarm_of_a_rollout_that_nobody_knows_has_no_rollout() -> None:
    triage = Triage(with_rollout=False)
    (event,) = triage.alarm(alarm(1, CANDIDATE))
    assert event.rollout is None
    assert event.drift_class is DriftClass.UNEXPLAINED
