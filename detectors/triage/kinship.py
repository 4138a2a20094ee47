"""How an alarm is akin to an open event: the same change again, the same move, the same place, beside, downstream."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from homeostat.detectors.triage.beside import MOVED, Beside, Standing, direction_of, judge_companion, name_inputs
from homeostat.detectors.triage.explained import explains
from homeostat.detectors.triage.lattice import covers, overlap
from homeostat.detectors.triage.move_names import name_change, name_move
from homeostat.detectors.triage.nearness import DELAY_SHARE, MAX_DELAY_MS, Nearness, slack_ms
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.strands import ORDER, Strand, strand_of
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import ACROSS_TENANTS
from homeostat.schemas.signal_columns import signal_of


class Kinship(IntEnum):
    """How an alarm is akin to an event, the closest first; `NONE` is not at all."""

    AGAIN = 0
    SAME_MOVE_HERE = 1
    EXPLAINED = 2
    SAME_PLACE = 3
    SAME_MOVE = 4
    MOVED_BESIDE = 5
    DOWNSTREAM = 6
    NONE = 7


class Profile(NamedTuple):
    """An alarm as grouping sees it: what moved in its cohort, which inputs moved and which are shown steady."""

    alarm: Alarm
    change: str
    move: str
    strand: int
    beside: frozenset[str]
    known: frozenset[str]
    moved_inputs: frozenset[str]
    steady_inputs: frozenset[str]
    slack_ms: int
    lag_ms: int
    near: Nearness


def describe_alarm(alarm: Alarm, near: Nearness) -> Profile:
    """Read an alarm's profile; what stands beside an alarm across tenants may be of any of them, and is not in it."""
    companions = () if alarm.cohort.layer in ACROSS_TENANTS else alarm.companions
    moved = [each for each in companions if judge_companion(each) in MOVED]
    strand = strand_of(alarm.family, alarm.carrier)
    own = {alarm.signal} if strand is Strand.INPUT else set[str]()
    return Profile(
        alarm=alarm,
        change=name_change(alarm.cohort, alarm.signal, alarm.direction),
        move=name_move(alarm.signal, alarm.direction),
        strand=ORDER.index(strand),
        beside=frozenset(name_move(each.signal, direction_of(each)) for each in moved),
        known=frozenset(signal_of(each.signal) for each in companions),
        moved_inputs=frozenset(name_inputs(companions, MOVED) | own),
        steady_inputs=frozenset(name_inputs(companions, {Standing.STEADY})),
        slack_ms=slack_ms(alarm, near),
        lag_ms=near.lag_ms(alarm),
        near=near,
    )


def judge_kinship(profile: Profile, event: OpenEvent) -> Kinship:
    """Say how an alarm is akin to an event without a rollout.

    The same change again, whenever it comes; and the same signal moving the same way where the cohorts overlap, or
    elsewhere in the tenant by an alarm that remembers no beginning, unless it began before the event: an open event's
    change is still there, and who has less to go by notices it later and dates it later. So it is with what the
    event's inputs explain: it grows beyond tolerance later than they do. Else their onsets must agree, and: the place
    is the same (one leaf, one tenant, one parent that no leaf explains); or the same signal moves the same way
    elsewhere, unless inputs that moved in one are shown steady in the other; or the event's signal moved beside the
    alarm; or the event is known across tenants only, and the alarm is of something downstream inside it.
    """
    if profile.change in event.changes:
        return Kinship.AGAIN
    here = overlap(event.scope, profile.alarm.cohort)
    same_move = profile.move in event.moved
    if same_move and (here or _is_sibling(profile, event)) and not began_before(profile, event):
        return Kinship.SAME_MOVE_HERE
    if here and _is_explained(profile.alarm, event) and not began_before(profile, event):
        return Kinship.EXPLAINED
    if not agree_in_time(profile, event):
        return Kinship.NONE
    if here and _stood_beside(profile.move, event):
        return Kinship.SAME_MOVE_HERE
    if here and _is_same_place(profile.alarm, event):
        return Kinship.SAME_PLACE
    if _is_contradicted(profile, event):
        return Kinship.NONE
    if same_move:
        return Kinship.SAME_MOVE
    if not profile.beside.isdisjoint(event.moved):
        return Kinship.MOVED_BESIDE
    return Kinship.DOWNSTREAM if here and _is_downstream(profile, event) else Kinship.NONE


def _is_sibling(profile: Profile, event: OpenEvent) -> bool:
    """Whether the same move was made elsewhere in the alarm's tenant, and may be as old: the alarm cannot date its own.

    Inputs that differ between the two speak against it.
    """
    tenant = profile.alarm.cohort.tenant
    if tenant not in event.at_tenants or not profile.near.outlasts_memory(profile.alarm):
        return False
    if _is_contradicted(profile, event):
        return False
    alarms = (held for held in event.changes.values() if held.cohort.tenant == tenant)
    return any(name_move(held.signal, held.direction) == profile.move for held in alarms)


def _is_explained(alarm: Alarm, event: OpenEvent) -> bool:
    """Whether inputs that moved in the event explain an alarm's change."""
    if not explains(alarm):
        return False
    inputs = (held for held in event.changes.values() if strand_of(held.family, held.carrier) is Strand.INPUT)
    return any(overlap(held.cohort, alarm.cohort) for held in inputs)


def agree_in_time(profile: Profile, event: OpenEvent) -> bool:
    """Whether their onsets may be one: the intervals meet, give or take the slack of each and feedback's delay."""
    slack = _add_slack(profile, event)
    return not began_before(profile, event) and (
        profile.alarm.onset_from_ms - slack - profile.lag_ms <= event.onset_to_ms
    )


def began_before(profile: Profile, event: OpenEvent) -> bool:
    """Whether an alarm's change is older than an event, the slack of both and feedback's delay considered."""
    early = _find_lag(event, profile.near) if profile.lag_ms == 0 else 0
    return profile.alarm.onset_to_ms + _add_slack(profile, event) + early < event.onset_from_ms


def _add_slack(profile: Profile, event: OpenEvent) -> int:
    return profile.slack_ms + _slack_of(event, profile.near)


def _stood_beside(move: str, event: OpenEvent) -> bool:
    """Whether this move was seen beside the event's alarms."""
    beside = (each for row in _list_single(event) for each in row.moved)
    return any(name_move(each.signal, direction_of(each)) == move for each in beside)


def _list_single(event: OpenEvent) -> list[Beside]:
    """What stood beside its alarms inside one tenant."""
    return [row for row in event.besides.values() if row.cohort.layer not in ACROSS_TENANTS]


def _is_same_place(alarm: Alarm, event: OpenEvent) -> bool:
    cohort = alarm.cohort
    if cohort.layer in ACROSS_TENANTS:
        return cohort.key in event.parents and not event.leaves
    if cohort.tenant not in event.at_tenants:
        return False
    held = (*event.leaves.values(), *event.parents.values())
    return any(each.tenant == cohort.tenant and overlap(each, cohort) for each in held)


def _is_contradicted(profile: Profile, event: OpenEvent) -> bool:
    """Whether inputs that moved in one of the two are shown steady in the other, and none moved in both."""
    if not profile.moved_inputs and not profile.steady_inputs:
        return False
    moved = {a.signal for a in event.changes.values() if strand_of(a.family, a.carrier) is Strand.INPUT}
    rows = _list_single(event)
    moved |= {name for row in rows for name in name_inputs(row.moved, MOVED)}
    if not profile.moved_inputs.isdisjoint(moved):
        return False
    steady = {name for row in rows for name in row.steady_inputs}
    return not profile.moved_inputs.isdisjoint(steady) or not profile.steady_inputs.isdisjoint(moved)


def _is_downstream(profile: Profile, event: OpenEvent) -> bool:
    """Whether the event is known across tenants only, covers the alarm, and moved something upstream of it.

    A signal that stood beside the alarm and did not move there speaks against it.
    """
    if event.leaves or not any(covers(parent, profile.alarm.cohort) for parent in event.parents.values()):
        return False
    heads = [a for a in event.changes.values() if ORDER.index(strand_of(a.family, a.carrier)) <= profile.strand]
    return any(signal_of(held.signal) not in profile.known for held in heads)


def _find_lag(event: OpenEvent, near: Nearness) -> int:
    """How much later than its cause the onset of an event may be: the least of its changes."""
    least = MAX_DELAY_MS if event.changes else 0
    for held in event.changes.values():
        least = min(least, near.lag_ms(held))
        if not least:
            break
    return least


def find_elsewhere(event: OpenEvent, events: Iterable[OpenEvent], near: Nearness) -> frozenset[str]:
    """The moves of other open events that overlap an event and began at another time: they are not of its cause.

    What moved weeks ago still stands beside every alarm of today.
    """
    others = (each for each in events if each.moved and each is not event and overlap(each.scope, event.scope))
    apart = [each.moved for each in others if not may_have_begun_together(each, event, near)]
    return frozenset(move for moved in apart for move in moved) - event.moved.keys()


def may_have_begun_together(left: OpenEvent, right: OpenEvent, near: Nearness) -> bool:
    """Whether the onsets of two events meet, give or take the slack of each."""
    slack = _slack_of(left, near) + _slack_of(right, near)
    first, second = sorted((left, right), key=lambda each: each.onset_from_ms)
    return first.onset_to_ms + slack >= second.onset_from_ms


def _slack_of(event: OpenEvent, near: Nearness) -> int:
    return max(near.window_ms + near.session_ms, round(DELAY_SHARE * event.longest_ms))
