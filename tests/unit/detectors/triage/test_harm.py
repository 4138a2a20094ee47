"""Is it bad: guardrails decide, beyond tolerance only; and what is to be done about it."""

from typing import Any

import pytest

from homeostat.detectors.triage.advice import choose_step
from homeostat.detectors.triage.open_event import MAX_BESIDES
from homeostat.schemas.alarm import Companion
from homeostat.schemas.drift_event import Disposition, DriftClass, DriftEvent, Harm, NextStep
from homeostat.schemas.signal import Carrier, Direction, Family, Role
from tests.builders.documents import START_MS
from tests.unit.detectors.triage.alarms import PLATFORM, Triage, alarm, companion, leaf, moved_alarm

GUARDRAILS = tuple(
    companion(name, role=Role.GUARDRAIL, family=family)
    for name, family in [
        ("edit_ratio", Family.OUTCOME),
        ("unsupported_content", Family.SAFETY),
        ("omission", Family.SAFETY),
        ("latency", Family.OPERATIONS),
    ]
)
ACCEPTANCE = companion(
    "acceptance", role=Role.GUARDRAIL, family=Family.OUTCOME, carrier=Carrier.FEEDBACK, direction=Direction.DOWN
)
ALL = (*GUARDRAILS, ACCEPTANCE)


def event_beside(*companions: Companion, **fields: Any) -> DriftEvent:
    (event,) = Triage(with_rollout=False).alarm(moved_alarm(1, Family.OUTPUT, companions=companions, **fields))
    return event


def harm_reasons(event: DriftEvent) -> str:
    return " ".join(item.reason for item in event.evidence if item.reason.startswith("harm:"))


def test_a_guardrail_beyond_tolerance_is_dangerous_whether_it_alarmed_or_stood_beside() -> None:
    (event,) = Triage(with_rollout=False).alarm(alarm(1))
    assert (event.harm, event.disposition) == (Harm.DANGEROUS, Disposition.INCIDENT)
    assert "harm: edit_ratio 0.400 > 0.220" in harm_reasons(event)
    beside = event_beside(companion("omission", 0.4, role=Role.GUARDRAIL))
    assert beside.harm is Harm.DANGEROUS
    assert "omission 0.400 in [0.380, 0.420] against 0.200" in harm_reasons(beside)


@pytest.mark.parametrize(
    "other",
    [
        companion("omission", 0.27, 0.03, role=Role.GUARDRAIL),
        companion("omission", 0.4),
        companion("omission", 0.4, role=Role.GUARDRAIL, sessions=0),
    ],
)
def test_what_is_not_surely_beyond_or_no_guardrail_is_not_dangerous(other: Companion) -> None:
    assert event_beside(other).harm is Harm.UNDETERMINED


@pytest.mark.parametrize("fields", [{"role": Role.NEVER, "observed": 0.21}, {"limit": 0.3, "role": Role.SIGNAL}])
def test_what_must_not_be_is_dangerous(fields: dict[str, Any]) -> None:
    (event,) = Triage(with_rollout=False).alarm(alarm(1, **fields))
    assert event.harm is Harm.DANGEROUS


def test_every_guardrail_shown_within_tolerance_is_benign() -> None:
    event = event_beside(*ALL)
    assert (event.harm, event.next_step, event.disposition) == (Harm.BENIGN, NextStep.WATCH, Disposition.NONE)
    assert "every guardrail is within tolerance" in harm_reasons(event)
    assert "Every guardrail is shown to be within what is tolerated." in event.sentence


@pytest.mark.parametrize(
    "shown", [GUARDRAILS, (*GUARDRAILS, ACCEPTANCE.model_copy(update={"low": 0.05, "observed": 0.15}))]
)
def test_one_that_is_not_shown_leaves_it_undetermined(shown: tuple[Companion, ...]) -> None:
    event = event_beside(*shown)
    assert event.harm is Harm.UNDETERMINED
    assert "not shown within tolerance: acceptance " in harm_reasons(event)
    assert "leaf/tenant-1/cardiology/scribe/baseline" in harm_reasons(event)


def test_a_guardrail_that_got_better_is_still_within_tolerance() -> None:
    better = ACCEPTANCE.model_copy(update={"observed": 0.28, "low": 0.22, "high": 0.34})
    assert event_beside(*GUARDRAILS, better).harm is Harm.BENIGN


def test_a_guardrail_close_to_its_tolerance_is_not_shown_within_it_by_a_baseline_of_few_sessions() -> None:
    bounds = {"bound_low": 0.12, "bound_high": 0.28}
    close = ACCEPTANCE.model_copy(update={"observed": 0.16, "low": 0.156, "high": 0.164, "sessions": 4000, **bounds})
    event = event_beside(*GUARDRAILS, close)
    assert event.harm is Harm.UNDETERMINED
    assert "acceptance +0.040, at most +0.070 against tolerance 0.050" in harm_reasons(event)


def test_another_cohort_without_guardrails_in_sight_is_undetermined() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT, companions=ALL))
    triage.alarm(moved_alarm(2, Family.OUTPUT, leaf("tenant-2")))
    (event,) = triage.tick()
    assert event.harm is Harm.UNDETERMINED
    (event,) = Triage(with_rollout=False).alarm(moved_alarm(1, Family.OUTPUT, PLATFORM))
    assert event.harm is Harm.UNDETERMINED


def test_stretches_of_time_that_do_not_overlap_add_up() -> None:
    triage = Triage(with_rollout=False)
    wide = tuple(each.model_copy(update={"low": 0.1, "high": 0.3}) for each in ALL)
    for number in range(2):
        at_ms = START_MS + number * 60_000
        triage.alarm(moved_alarm(number, Family.OUTPUT, at_ms=START_MS, companions=wide, log_time_ms=at_ms + 30_000))
    (event,) = triage.tick()
    assert event.harm is Harm.UNDETERMINED, "the second is of the same time"
    for number in range(2, 5):
        at_ms = START_MS + number * 60_000
        triage.alarm(moved_alarm(number, Family.OUTPUT, at_ms=at_ms, companions=wide, log_time_ms=at_ms + 30_000))
    (event,) = triage.tick()
    assert event.harm is Harm.BENIGN
    assert "omission in each of 1 cohorts" in harm_reasons(event)


def test_cohorts_are_taken_together_where_none_is_shown_alone() -> None:
    triage = Triage(with_rollout=False)
    wide = tuple(each.model_copy(update={"low": 0.1, "high": 0.3}) for each in ALL)
    for number in range(4):
        triage.alarm(moved_alarm(number, Family.OUTPUT, leaf(f"tenant-{number}"), companions=wide))
    (event,) = triage.tick()
    assert event.harm is Harm.BENIGN
    assert "omission +0.000, at most +0.032 against tolerance 0.050 over 4 cohorts as if alike" in harm_reasons(event)
    worse = companion("omission", 0.29, role=Role.GUARDRAIL, family=Family.SAFETY, low=0.22, high=0.36)
    beside = (worse, *(each for each in wide if each.signal != worse.signal))
    triage.alarm(moved_alarm(9, Family.OUTPUT, leaf("tenant-9"), companions=beside))
    (event,) = triage.tick()
    assert event.harm is Harm.UNDETERMINED, "the mean would hide the one that is worse"


@pytest.mark.parametrize(
    ("over_all", "harm"),
    [
        (ALL, Harm.BENIGN),
        ((), Harm.UNDETERMINED),
        (GUARDRAILS, Harm.UNDETERMINED),
    ],
    ids=["shown over all", "no cohort over all", "not shown over all"],
)
def test_more_cohorts_than_are_kept_are_shown_by_the_one_over_all(over_all: tuple[Companion, ...], harm: Harm) -> None:
    triage = Triage(with_rollout=False)
    for number in range(MAX_BESIDES + 4):
        triage.alarm(moved_alarm(number, Family.INPUT, leaf(f"tenant-{number}"), companions=ALL))
    if over_all:
        triage.alarm(moved_alarm(99, Family.INPUT, PLATFORM, companions=over_all))
    (event,) = triage.tick()
    assert event.harm is harm
    assert ("that are kept, and over all of platform" in harm_reasons(event)) is (harm is Harm.BENIGN)


def test_a_gain_is_accepted_unless_something_else_may_be_worse() -> None:
    gain: dict[str, Any] = {"direction": Direction.DOWN, "harmful": False, "observed": 0.1}
    (event,) = Triage(with_rollout=False).alarm(alarm(1, **gain))
    assert (event.harm, event.next_step) == (Harm.BENEFICIAL, NextStep.ACCEPT_BASELINE)
    assert event.disposition is Disposition.REVIEW_QUEUE
    assert event_beside(companion("omission", 0.1, role=Role.GUARDRAIL)).harm is Harm.BENEFICIAL
    doubt = companion("omission", 0.27, 0.03, role=Role.GUARDRAIL)
    (event,) = Triage(with_rollout=False).alarm(alarm(1, companions=(doubt,), **gain))
    assert event.harm is Harm.UNDETERMINED
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, **gain))
    triage.alarm(alarm(2, signal="omission"))
    (event,) = triage.tick()
    assert event.harm is Harm.DANGEROUS


@pytest.mark.parametrize("drift_class", list(DriftClass))
def test_the_table_of_next_steps(drift_class: DriftClass) -> None:
    steps = {harm: choose_step(drift_class, harm, on_trial=True) for harm in Harm}
    assert (steps[Harm.BENIGN], steps[Harm.BENEFICIAL]) == (NextStep.WATCH, NextStep.ACCEPT_BASELINE)
    expected = {
        DriftClass.RELEASE_REGRESSION: (NextStep.ROLL_BACK, NextStep.HOLD_ROLLOUT),
        DriftClass.DATA_DRIFT: (NextStep.CHECK_INPUTS, NextStep.CHECK_INPUTS),
        DriftClass.PROMPT_DRIFT: (NextStep.CHECK_CONFIGURATION, NextStep.CHECK_CONFIGURATION),
        DriftClass.CONCEPT_DRIFT: (NextStep.REVIEW_SAMPLE, NextStep.REVIEW_SAMPLE),
        DriftClass.POLICY_DRIFT: (NextStep.ENFORCE_POLICY, NextStep.ENFORCE_POLICY),
        DriftClass.WORKFLOW_DRIFT: (NextStep.REVIEW_WORKFLOW, NextStep.REVIEW_WORKFLOW),
        DriftClass.PRODUCT_MISMATCH: (NextStep.ASK_USERS, NextStep.ASK_USERS),
        DriftClass.UNEXPLAINED: (NextStep.OPEN_INCIDENT, NextStep.REVIEW_SAMPLE),
    }[drift_class]
    assert (steps[Harm.DANGEROUS], steps[Harm.UNDETERMINED]) == expected
    assert choose_step(DriftClass.RELEASE_REGRESSION, Harm.UNDETERMINED, on_trial=False) is NextStep.REVIEW_SAMPLE
