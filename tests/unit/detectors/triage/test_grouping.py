"""Alarms of one cause are one event; its scope is the narrowest that explains them; it ends with a reason."""

from typing import Any

import pytest

from homeostat.detectors.triage.lattice import cover, covers, join_tags
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import EventStatus
from homeostat.schemas.signal import Direction, Family, Role
from homeostat.schemas.trace import Arm
from tests.builders.documents import START_MS
from tests.unit.detectors.triage.alarms import WINDOW_S, Triage, alarm, draft, input_alarm, leaf, moved_alarm

PLATFORM = Cohort(layer=Layer.PLATFORM)
TENANT_WORKFLOW = Cohort(layer=Layer.TENANT_WORKFLOW, tenant="tenant-1", workflow="scribe")
TENANT = Cohort(layer=Layer.TENANT, tenant="tenant-1")


def scope_of(*cohorts: Cohort) -> Cohort:
    triage = Triage(with_rollout=False)
    for number, cohort in enumerate(cohorts):
        triage.alarm(alarm(number, cohort))
    (event,) = triage.stage.open_events.values()
    return event.scope


@pytest.mark.parametrize(
    ("cohorts", "scope"),
    [
        ([leaf()], leaf()),
        ([PLATFORM, TENANT, leaf()], leaf()),
        (
            [leaf(), leaf(specialty="oncology"), PLATFORM],
            Cohort(layer=Layer.TENANT_WORKFLOW, tenant="tenant-1", workflow="scribe"),
        ),
        ([leaf(), leaf(tenant="tenant-2")], Cohort(layer=Layer.SPECIALTY, specialty="cardiology")),
        ([leaf(), leaf(tenant="tenant-2", specialty="oncology")], Cohort(layer=Layer.WORKFLOW, workflow="scribe")),
        ([TENANT, Cohort(layer=Layer.TENANT, tenant="tenant-2")], PLATFORM),
    ],
)
def test_the_narrowest_scope_that_explains_the_alarms(cohorts: list[Cohort], scope: Cohort) -> None:
    assert scope_of(*cohorts) == scope


def test_disjoint_cohorts_and_other_signals_are_other_events() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, leaf("tenant-1")))
    triage.alarm(alarm(2, leaf("tenant-2"), signal="omission"))
    assert len(triage.stage.open_events) == 2


def test_the_same_signal_the_same_way_is_one_event_and_the_other_way_is_another() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, leaf("tenant-1")))
    triage.alarm(alarm(2, leaf("tenant-2", specialty="oncology")))
    assert len(triage.stage.open_events) == 1
    other = Cohort(layer=Layer.LEAF, tenant="tenant-3", specialty="urology", workflow="billing", arm=Arm.BASELINE)
    triage.alarm(alarm(3, other, direction=Direction.DOWN, harmful=False, observed=0.1))
    assert len(triage.stage.open_events) == 2


def test_a_repeat_is_dropped() -> None:
    triage = Triage()
    triage.alarm(alarm(1))
    triage.log.add(draft(alarm(1)))
    triage.log.add(draft(alarm(1), index=1))
    triage.read()
    (event,) = triage.stage.open_events.values()
    assert event.alarms == 2
    assert triage.stage.counts == {"alarm": 2, "repeat": 1}


def test_it_is_stated_at_the_first_alarm_and_at_ticks_when_it_changed() -> None:
    triage = Triage()
    (first,) = triage.alarm(alarm(1))
    assert (first.revision, first.status) == (1, EventStatus.OPEN)
    assert triage.alarm(alarm(2, leaf(specialty="oncology"))) == []
    (second,) = triage.tick()
    assert (second.event, second.revision, second.status) == (first.event, 2, EventStatus.UPDATED)
    assert triage.tick() == []


def test_it_closes_with_a_reason_after_quiet() -> None:
    triage = Triage()
    triage.alarm(alarm(1))
    assert triage.tick(2 * WINDOW_S) == []
    (closed,) = triage.tick(1)
    assert closed.status is EventStatus.CLOSED
    assert "no alarm for 241 s > 240 s (1 alarms in all)" in closed.sentence
    assert not triage.stage.open_events
    (again,) = triage.alarm(alarm(2, at_ms=triage.log.now_ms))
    assert again.event != closed.event


def test_another_onset_is_another_event_and_the_same_change_again_is_not() -> None:
    triage = Triage()
    triage.alarm(alarm(1))
    triage.log.wait(2 * WINDOW_S)
    now_ms = triage.log.now_ms + 30_000
    (event,) = triage.alarm(alarm(2, leaf(specialty="oncology"), at_ms=now_ms, observed_sessions=20))
    assert event.revision == 1
    assert len(triage.stage.open_events) == 2
    assert triage.alarm(alarm(3, at_ms=now_ms)) == []
    assert [event.alarms for event in triage.stage.open_events.values()] == [2, 1]


def test_the_onset_is_what_those_that_began_with_the_earliest_agree_on() -> None:
    triage = Triage()
    noticed: dict[str, Any] = {"log_time_ms": START_MS + 60_000}
    triage.alarm(alarm(1, onset_from_ms=START_MS + 10_000, onset_to_ms=START_MS + 20_000, **noticed))
    triage.alarm(alarm(2, leaf(specialty="oncology"), onset_from_ms=START_MS, onset_to_ms=START_MS + 30_000, **noticed))
    triage.alarm(alarm(3, leaf("tenant-2"), onset_from_ms=START_MS + 40_000, onset_to_ms=START_MS + 50_000, **noticed))
    triage.alarm(alarm(4, PLATFORM, onset_from_ms=START_MS, onset_to_ms=START_MS + 5_000, **noticed))
    (event,) = triage.tick()
    assert (event.onset_from_ms, event.onset_to_ms) == (START_MS + 10_000, START_MS + 20_000)


def test_the_lattice() -> None:
    assert covers(PLATFORM, leaf())
    assert not covers(TENANT, leaf("tenant-2"))
    assert cover(join_tags([])) == PLATFORM


DAY_MS = 86_400_000


def test_the_same_move_elsewhere_in_the_tenant_is_the_same_cause_where_its_leaf_remembers_no_beginning() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, leaf()))
    later = START_MS + 60_000
    triage.alarm(alarm(2, leaf(), at_ms=later))
    far = later + round(20 * WINDOW_S * 1000)
    triage.alarm(alarm(3, leaf(specialty="oncology"), at_ms=far))
    (event,) = triage.stage.open_events.values()
    assert (event.scope, event.alarms) == (TENANT_WORKFLOW, 3)
    triage.alarm(alarm(4, leaf("tenant-2", specialty="urology"), at_ms=far))
    assert len(triage.stage.open_events) == 2


def test_what_must_never_be_is_one_cause_though_it_occurs_elsewhere_days_later() -> None:
    triage = Triage(with_rollout=False)
    never: dict[str, Any] = {"role": Role.NEVER, "signal": "consent_missing", "family": Family.SAFETY, "tolerance": 0.0}
    triage.alarm(alarm(1, leaf(), **never))
    triage.alarm(alarm(2, leaf("tenant-2"), at_ms=START_MS + 7 * DAY_MS, **never))
    (event,) = triage.stage.open_events.values()
    assert (event.scope, event.onset_to_ms) == (Cohort(layer=Layer.SPECIALTY, specialty="cardiology"), START_MS + 1000)


@pytest.mark.parametrize(("explained", "events"), [(0.16, 1), (0.35, 1), (0.5, 2), (0.02, 2), (None, 2)])
def test_what_the_inputs_of_an_open_event_explain_is_part_of_it(explained: float | None, events: int) -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(input_alarm(1))
    late = START_MS + round(20 * WINDOW_S * 1000)
    triage.alarm(moved_alarm(2, Family.OUTPUT, at_ms=late, explained=explained))
    assert len(triage.stage.open_events) == events


def test_what_is_dated_after_the_event_was_noticed_does_not_date_it() -> None:
    triage = Triage(with_rollout=False)
    triage.alarm(alarm(1, PLATFORM))
    triage.alarm(alarm(2, leaf(), at_ms=START_MS + 60_000))
    (event,) = triage.stage.open_events.values()
    assert (event.onset_from_ms, event.onset_to_ms) == (START_MS, START_MS + 1000)


def test_a_parents_busy_hours_are_compared_with_a_leafs_days() -> None:
    triage = Triage(with_rollout=False)
    leafs: dict[str, Any] = {"observed": 0.41, "observed_sessions": 207, "log_time_ms": START_MS + 2 * DAY_MS}
    triage.alarm(alarm(1, leaf(), **leafs))
    begin_ms = START_MS + 2 * DAY_MS
    triage.alarm(alarm(2, TENANT, begin_ms, observed=0.36, observed_sessions=92, log_time_ms=begin_ms + DAY_MS // 3))
    (event,) = triage.tick()
    assert event.scope == leaf()
