"""Which open event an alarm belongs to: alarms of one cause become one event."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.beside import MOVED, direction_of, judge_companion
from homeostat.detectors.triage.kinship import Kinship, Profile, describe_alarm, judge_kinship, may_have_begun_together
from homeostat.detectors.triage.lattice import overlap
from homeostat.detectors.triage.move_names import name_move
from homeostat.detectors.triage.nearness import Nearness
from homeostat.detectors.triage.open_event import OpenEvent, in_arm
from homeostat.detectors.triage.strands import ORDER, strand_of
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.trace import Arm

MAX_OPEN_EVENTS = 64
"""Of events without a rollout; one of them, the spill, takes in what finds no room. Rollouts have one each."""


_MOVES_ALIKE = (Kinship.SAME_MOVE_HERE, Kinship.SAME_MOVE)


class Placement(NamedTuple):
    """The event that an alarm extends, or None where it begins one; and one that it shows to be part of that one."""

    event: OpenEvent | None
    part: OpenEvent | None = None


def find_event(alarm: Alarm, events: Mapping[str, OpenEvent], rollout: str | None, near: Nearness) -> Placement:
    """Find where an alarm belongs.

    `rollout` is the known rollout whose candidate the alarm speaks of. Its alarms make one event, unless the other arm
    of the same leaf shows the same change: then both are in one, because the release does not explain it. Of the
    other events the closest kin is taken, and of equals the oldest.
    """
    twin = _find_twin(alarm, events.values())
    if twin is not None:
        return Placement(twin)
    if rollout is not None:
        return Placement(next((event for event in events.values() if event.rollout == rollout), None))
    others = [event for event in events.values() if event.rollout is None]
    kin = _rank_kin(describe_alarm(alarm, near), [event for event in others if not event.spill])
    if kin:
        return _join_parts(alarm, kin, near)
    if len(others) >= MAX_OPEN_EVENTS - 1:
        return Placement(next((event for event in others if event.spill), None))
    return Placement(None)


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


def _rank_kin(profile: Profile, events: Sequence[OpenEvent]) -> list[tuple[Kinship, OpenEvent]]:
    """The events akin to an alarm, the closest first, then the oldest."""
    ranked = [(judge_kinship(profile, event), event) for event in events]
    akin = [row for row in ranked if row[0] is not Kinship.NONE]
    return sorted(akin, key=lambda row: (row[0], row[1].opened_at, row[1].event))


def _join_parts(alarm: Alarm, kin: Sequence[tuple[Kinship, OpenEvent]], near: Nearness) -> Placement:
    """Join two events where a leaf's first alarm shows one of them to be the other, seen in this leaf downstream only.

    A change that alarms again shows nothing of the sort: it stands beside whatever comes later.
    """
    same_move = next((event for kinship, event in kin if kinship in _MOVES_ALIKE), None)
    same_place = next((event for kinship, event in kin if kinship is Kinship.SAME_PLACE), None)
    if kin[0][0] is Kinship.AGAIN or same_move is None or same_place is None:
        return Placement(kin[0][1])
    if not _is_part(same_place, alarm) or not may_have_begun_together(same_move, same_place, near):
        return Placement(kin[0][1])
    older, younger = sorted((same_move, same_place), key=lambda event: (event.opened_at, event.event))
    return Placement(older, younger)


def _is_part(event: OpenEvent, alarm: Alarm) -> bool:
    """Whether an event lies within an alarm's leaf, and nothing upstream of the alarm leads it."""
    if alarm.cohort.layer is not Layer.LEAF:
        return False
    cohorts = (*event.leaves.values(), *event.parents.values())
    within = all(cohort.tenant == alarm.cohort.tenant and overlap(cohort, alarm.cohort) for cohort in cohorts)
    return within and event.leading_strand() >= ORDER.index(strand_of(alarm.family, alarm.carrier))


def _find_twin(alarm: Alarm, events: Iterable[OpenEvent]) -> OpenEvent | None:
    """The event in which another arm of the alarm's leaf made one of the moves that it tells of, by alarm or beside."""
    twins = [twin.key for twin in find_twins(alarm.cohort)]
    near = [(event, twin) for event in events for twin in twins if twin in event.leaves]
    if not near:
        return None
    moves = {name_move(each.signal, direction_of(each)) for each in alarm.companions if judge_companion(each) in MOVED}
    moves.add(name_move(alarm.signal, alarm.direction))
    return next((event for event, twin in near if not moves.isdisjoint(_list_moves(event, twin))), None)


def _list_moves(event: OpenEvent, cohort_key: str) -> set[str]:
    alarmed = (alarm for alarm in event.changes.values() if alarm.cohort.key == cohort_key)
    rows = (row for row in event.besides.values() if row.cohort.key == cohort_key)
    beside = {name_move(each.signal, direction_of(each)) for row in rows for each in row.moved}
    return {name_move(alarm.signal, alarm.direction) for alarm in alarmed} | beside
