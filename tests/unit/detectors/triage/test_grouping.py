"""Alarms of one cause are one event; its scope is the narrowest that explains them; it ends with a reason."""

import pytest

from homeostat.detectors.triage.lattice import cover, covers, join_tags
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import EventStatus
from homeostat.schemas.signal import Direction
from homeostat.schemas.trace import Arm
from tests.builders.documents import START_MS
from tests.unit.detectors.triage.alarms import WINDOW_S, Triage, alarm, draft, leaf

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
    (event,) = triage.alarm(alarm(2, leaf(specialty="oncology"), at_ms=now_ms))
    assert event.revision == 1
    assert len(triage.stage.open_events) == 2
    assert triage.alarm(alarm(3, at_ms=now_ms)) == []
    assert [event.alarms for event in triage.stage.open_events.values()] == [2, 1]


def test_the_onset_is_what_those_that_began_with_the_earliest_agree_on() -> None:
    triage = Triage()
    triage.alarm(alarm(1, onset_from_ms=START_MS + 10_000, onset_to_ms=START_MS + 20_000))
    triage.alarm(alarm(2, leaf(specialty="oncology"), onset_from_ms=START_MS, onset_to_ms=START_MS + 30_000))
    triage.alarm(alarm(3, leaf("tenant-2"), onset_from_ms=START_MS + 40_000, onset_to_ms=START_MS + 50_000))
    triage.alarm(alarm(4, PLATFORM, onset_from_ms=START_MS, onset_to_ms=START_MS + 5_000))
    (event,) = triage.tick()
    assert (event.onset_from_ms, event.onset_to_ms) == (START_MS + 10_000, START_MS + 20_000)


def test_the_lattice() -> None:
    assert covers(PLATFORM, leaf())
    assert not covers(TENANT, leaf("tenant-2"))
    assert cover(join_tags([])) == PLATFORM
