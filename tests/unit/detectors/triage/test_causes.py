"""Two causes at once stay two events, one cause is one event, and its scope is the narrowest that explains it."""

from typing import Any

import pytest

from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import DriftClass, EventStatus, Harm
from homeostat.schemas.signal import Carrier, Family, Role
from tests.builders.documents import START_MS, signal
from tests.unit.detectors.triage.alarms import (
    PLATFORM,
    WINDOW_S,
    Triage,
    alarm,
    companion,
    input_alarm,
    leaf,
    moved_alarm,
    seal,
)

HOUR_MS = 3_600_000
TENANT = Cohort(layer=Layer.TENANT, tenant="tenant-1")
SPECIALTY = Cohort(layer=Layer.SPECIALTY, specialty="cardiology")
FAR = leaf("tenant-2", specialty="oncology")


def scopes(triage: Triage) -> list[str]:
    stated = {event.event: event for event in triage.stated}
    return [stated[name].scope.key for name in triage.stage.open_events]


@pytest.mark.parametrize("platform_first", [True, False])
def test_two_causes_in_two_places_stay_two_though_the_platform_overlaps_both(platform_first: bool) -> None:
    triage = Triage(with_rollout=False)
    small = {"observed_sessions": 110}
    platform = moved_alarm(1 if platform_first else 4, Family.OUTPUT, PLATFORM, **small)
    places = [moved_alarm(2, Family.OUTPUT, leaf()), moved_alarm(3, Family.SAFETY, FAR)]
    for each in [platform, *places] if platform_first else [*places, platform]:
        triage.alarm(each)
    triage.tick()
    assert scopes(triage) == [leaf().key, FAR.key]
    assert [event.alarms for event in triage.stage.open_events.values()] == [2, 1]


def test_the_same_signal_with_other_inputs_is_another_cause() -> None:
    triage = Triage(with_rollout=False)
    moved, still = (companion("dialogue_length", value, family=Family.INPUT) for value in (0.4, 0.2))
    triage.alarm(moved_alarm(1, Family.OUTPUT, leaf(), companions=(still,)))
    triage.alarm(moved_alarm(2, Family.OUTPUT, FAR, companions=(moved,)))
    triage.tick()
    assert [event.drift_class for event in triage.stated] == [DriftClass.PROMPT_DRIFT, DriftClass.DATA_DRIFT]
    assert len(triage.stage.open_events) == 2


def test_a_platform_wide_change_is_one_event_whatever_alarms() -> None:
    triage = Triage(with_rollout=False)
    large = {"observed_sessions": 4000}
    triage.alarm(moved_alarm(1, Family.OUTPUT, PLATFORM, **large))
    for number in range(40):
        cohort = leaf(f"tenant-{number}", specialty=f"specialty-{number % 5}")
        triage.alarm(moved_alarm(2 + 2 * number, Family.OUTPUT, cohort, observed_sessions=40))
        triage.alarm(
            moved_alarm(3 + 2 * number, Family.OUTCOME, cohort, observed_sessions=40, carrier=Carrier.FEEDBACK)
        )
    (event,) = triage.tick()
    assert (event.alarms, event.drift_class) == (81, DriftClass.PROMPT_DRIFT)
    assert event.scope == PLATFORM, "the leaves make up 40 % of it"


def test_a_leaf_that_shows_both_joins_two_events_into_the_older() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT, leaf()))
    (second,) = triage.alarm(moved_alarm(2, Family.OUTCOME, FAR))
    (closed,) = triage.alarm(moved_alarm(3, Family.OUTPUT, FAR))
    assert (closed.event, closed.status) == (second.event, EventStatus.CLOSED)
    (first,) = triage.stage.open_events.values()
    assert closed.closed_because == f"it is part of event {first.event}"
    (event,) = triage.tick()
    assert event.alarms == 3
    assert {change.signal for change in event.changes} == {"output-signal", "outcome-signal"}


def test_a_leaf_with_a_cause_of_its_own_upstream_joins_nothing() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT, leaf()))
    triage.alarm(input_alarm(2, FAR))
    triage.alarm(moved_alarm(3, Family.OUTPUT, FAR))
    assert [event.alarms for event in triage.stage.open_events.values()] == [1, 2]


@pytest.mark.parametrize(("sessions", "scope"), [(110, leaf()), (1000, PLATFORM)])
def test_a_parent_is_named_where_the_leaf_does_not_explain_its_change(sessions: int, scope: Cohort) -> None:
    triage = Triage(with_rollout=False)
    span = {"onset_from_ms": START_MS - HOUR_MS, "onset_to_ms": START_MS - HOUR_MS}
    triage.alarm(moved_alarm(1, Family.OUTPUT, PLATFORM, observed_sessions=sessions, **span))
    triage.alarm(moved_alarm(2, Family.OUTPUT, leaf(), **span))
    triage.tick()
    assert scopes(triage) == [scope.key]


def test_of_parents_that_overlap_the_narrowest_that_explains_is_named() -> None:
    triage = Triage(with_rollout=False)
    for number, cohort in enumerate([PLATFORM, SPECIALTY, TENANT]):
        triage.alarm(moved_alarm(number, Family.OUTPUT, cohort))
    triage.tick()
    assert scopes(triage) == [TENANT.key]
    triage = Triage(with_rollout=False)
    for number, (cohort, sessions) in enumerate([(PLATFORM, 550), (SPECIALTY, 500), (TENANT, 100)]):
        triage.alarm(moved_alarm(number, Family.OUTPUT, cohort, observed_sessions=sessions))
    triage.tick()
    assert scopes(triage) == [SPECIALTY.key]


def test_what_moved_beside_an_alarm_counts_for_the_parent_too() -> None:
    triage = Triage(with_rollout=False)
    moved = companion("output-signal", 0.4, sessions=100)
    triage.alarm(moved_alarm(1, Family.OUTPUT, PLATFORM))
    triage.alarm(moved_alarm(2, Family.SAFETY, leaf(), companions=(moved,)))
    triage.tick()
    assert scopes(triage) == [leaf().key]


def test_feedback_comes_later_and_is_of_the_same_cause() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT))
    triage.log.wait(600)
    late: dict[str, Any] = {"signal": "acceptance", "family": Family.OUTCOME, "carrier": Carrier.FEEDBACK}
    late |= {"onset_from_ms": triage.log.now_ms - 5_000, "onset_to_ms": triage.log.now_ms}
    assert triage.alarm(alarm(2, at_ms=triage.log.now_ms + 900_000, **late)) == []
    (event,) = triage.stage.open_events.values()
    assert (event.onset_from_ms, event.onset_to_ms) == (START_MS, START_MS + 1000), "work dates better"


def test_a_slow_cohort_is_dated_less_well_and_belongs_all_the_same() -> None:
    triage = Triage(with_rollout=False)
    day_ms = 24 * HOUR_MS
    triage.alarm(moved_alarm(1, Family.OUTPUT))
    slow = {"onset_from_ms": START_MS + day_ms, "onset_to_ms": START_MS + 2 * day_ms}
    assert triage.alarm(moved_alarm(2, Family.OUTPUT, FAR, log_time_ms=START_MS + 4 * day_ms, **slow)) == []
    quick = {"onset_from_ms": START_MS + day_ms, "onset_to_ms": START_MS + day_ms}
    fresh = Triage(with_rollout=False)
    fresh.alarm(moved_alarm(1, Family.OUTPUT))
    (event,) = fresh.alarm(moved_alarm(2, Family.OUTPUT, FAR, log_time_ms=START_MS + day_ms + 1000, **quick))
    assert event.revision == 1


def test_a_mix_that_moves_is_one_signal_whichever_category_alarms() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(input_alarm(1, leaf(), signal="payer--self"))
    triage.alarm(input_alarm(2, FAR, signal="payer--public", observed=0.1, direction="down"))
    assert len(triage.stage.open_events) == 1


def test_quiet_is_as_long_as_the_change_took_to_notice() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, log_time_ms=START_MS + HOUR_MS))
    triage.log.wait(HOUR_MS / 1000)
    assert triage.tick(2 * WINDOW_S + 1) == []
    (closed,) = triage.tick(3 * HOUR_MS / 1000)
    assert closed.closed_because.startswith("quiet: no alarm for 11041 s > 10800 s (1 alarms in all)")
    assert closed.closed_because in closed.sentence


def test_an_accepted_baseline_closes_what_it_covers() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT, leaf()))
    triage.alarm(moved_alarm(2, Family.OUTPUT, FAR))
    triage.log.control(seal(leaf(), 1))
    triage.read()
    (event,) = triage.tick()
    assert event.status is EventStatus.UPDATED, "one of its two cohorts"
    triage.log.control(seal(FAR, 2))
    triage.read()
    (event,) = triage.tick()
    assert event.status is EventStatus.CLOSED
    assert event.closed_because.startswith("baseline accepted: a new one is being sealed for leaf/tenant-1")


def test_after_its_end_an_alarm_begins_another_event() -> None:
    triage = Triage(with_rollout=False)
    (first,) = triage.alarm(alarm(1))
    triage.tick(2 * WINDOW_S + 1)
    (again,) = triage.alarm(alarm(2, at_ms=triage.log.now_ms))
    assert (again.revision, again.status) == (1, EventStatus.OPEN)
    assert again.event != first.event


def test_who_notices_later_dates_later_and_tells_of_the_same_change() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.OUTPUT))
    triage.log.wait(2 * WINDOW_S)
    late = START_MS + HOUR_MS
    assert triage.alarm(moved_alarm(2, Family.OUTPUT, PLATFORM, at_ms=late)) == []
    older = {"onset_from_ms": START_MS - HOUR_MS, "onset_to_ms": START_MS - HOUR_MS, "log_time_ms": START_MS - HOUR_MS}
    (event,) = triage.alarm(moved_alarm(3, Family.OUTPUT, TENANT, **older))
    assert event.revision == 1, "what began before is something else"


def test_a_parents_alarm_is_read_with_the_carrier_that_is_declared() -> None:
    triage = Triage(with_rollout=False)
    declared = signal("overridden", family=Family.WORKFLOW, carrier=Carrier.FEEDBACK, max_age_s=3600.0)
    triage = Triage(with_rollout=False, signals=(*triage.policy.signals, declared))
    (event,) = triage.alarm(moved_alarm(1, Family.WORKFLOW, TENANT, signal="overridden"))
    assert event.drift_class is DriftClass.PRODUCT_MISMATCH


def test_a_parent_that_moved_much_less_a_session_is_explained_by_those_within_it() -> None:
    triage = Triage(with_rollout=False)
    for number, tenant in enumerate(("tenant-1", "tenant-2")):
        triage.alarm(alarm(number, leaf(tenant), observed=0.6, observed_sessions=20, sessions_per_day=100.0))
    triage.alarm(alarm(9, PLATFORM, observed=0.4, observed_sessions=400, sessions_per_day=400.0))
    triage.tick()
    assert scopes(triage) == [SPECIALTY.key]


def test_what_moved_weeks_ago_and_still_stands_beside_is_not_of_todays_cause() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(moved_alarm(1, Family.WORKFLOW))
    later = START_MS + 24 * HOUR_MS
    latency: dict[str, Any] = {"signal": "latency", "family": Family.OPERATIONS, "at_ms": later}
    beside = (companion("workflow-signal", 0.4, family=Family.WORKFLOW),)
    (event,) = triage.alarm(alarm(2, companions=beside, **latency))
    assert (event.drift_class, event.harm) == (DriftClass.UNEXPLAINED, Harm.DANGEROUS)
    worse = companion("latency", 0.4, family=Family.OPERATIONS, role=Role.GUARDRAIL)
    triage.alarm(moved_alarm(3, Family.WORKFLOW, at_ms=later, companions=(worse,)))
    stated = triage.tick()
    assert [(each.drift_class, each.harm) for each in stated] == [(DriftClass.WORKFLOW_DRIFT, Harm.UNDETERMINED)]
