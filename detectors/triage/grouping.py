"""Which open event an alarm belongs to: alarms of one cause become one event."""

from collections.abc import Iterable, Mapping

from homeostat.detectors.triage.lattice import overlap
from homeostat.detectors.triage.open_event import OpenEvent, in_arm, name_move
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.trace import Arm

MAX_OPEN_EVENTS = 64
"""Of events without a rollout; one of them, the spill, takes in what finds no room. Rollouts have one each."""


def find_event(alarm: Alarm, events: Mapping[str, OpenEvent], rollout: str | None, window_ms: int) -> OpenEvent | None:
    """Give the open event that an alarm extends, or None where it begins one of its own.

    `rollout` is the known rollout whose candidate the alarm speaks of. Its alarms make one event, unless the other arm
    of the same leaf shows the same change: then both are in one, because the release does not explain it. Alarms
    without a rollout belong together when their cohorts overlap or the same signal moves the same way.
    """
    near = [event for event in events.values() if abs(alarm.log_time_ms - event.last_alarm_ms) <= window_ms]
    twin = _find_twin(alarm, near)
    if twin is not None:
        return twin
    if rollout is not None:
        return next((event for event in events.values() if event.rollout == rollout), None)
    others = [event for event in near if event.rollout is None]
    found = _find_alike(alarm, others)
    if found is None and sum(event.rollout is None for event in events.values()) >= MAX_OPEN_EVENTS - 1:
        return next((event for event in events.values() if event.spill), None)
    return found


def has_room(events: Iterable[OpenEvent]) -> bool:
    """Whether a further event without a rollout may be more than the spill."""
    return sum(event.rollout is None and not event.spill for event in events) < MAX_OPEN_EVENTS - 1


def find_twins(cohort: Cohort) -> tuple[Cohort, ...]:
    """The same leaf in the arms to compare with; none for a parent."""
    match cohort.arm:
        case None:
            return ()
        case Arm.CANDIDATE:
            return in_arm(cohort, Arm.CONTROL), in_arm(cohort, Arm.BASELINE)
        case _:
            return (in_arm(cohort, Arm.CANDIDATE),)


def _find_twin(alarm: Alarm, events: Iterable[OpenEvent]) -> OpenEvent | None:
    twins = find_twins(alarm.cohort)
    return next(
        (e for e in events if any(e.holds(twin, alarm.signal, alarm.direction) for twin in twins)),
        None,
    )


def _find_alike(alarm: Alarm, events: Iterable[OpenEvent]) -> OpenEvent | None:
    move = name_move(alarm.signal, alarm.direction)
    return next((e for e in events if not e.spill and (move in e.moved or overlap(e.scope, alarm.cohort))), None)
