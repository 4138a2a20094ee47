"""Moves: what changed in an event, whether a monitor alarmed on it or it stood beside an alarm."""

from collections.abc import Iterable
from typing import NamedTuple

from homeostat.detectors.triage.beside import direction_of
from homeostat.detectors.triage.grouping import find_twins
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.scope import choose_besides
from homeostat.detectors.triage.strands import Strand, find_spec, is_fetched, strand_of
from homeostat.schemas.alarm import Alarm, Companion
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Direction, Role
from homeostat.schemas.trace import Arm


class Move(NamedTuple):
    """One column's change in one cohort; `alarm` is None for a companion's. `given`: an input no release can move."""

    cohort: Cohort
    signal: str
    direction: Direction
    strand: Strand
    given: bool
    source: Alarm | Companion

    @property
    def alarm(self) -> Alarm | None:
        """The alarm, where there was one."""
        return self.source if isinstance(self.source, Alarm) else None

    @property
    def remainder(self) -> float | None:
        """What the inputs leave of the change: observed − baseline − explained; None where it cannot be said."""
        alarm = self.alarm
        if alarm is None or alarm.explained is None:
            return None
        return alarm.observed - alarm.baseline - alarm.explained


class Arms(NamedTuple):
    """An event's moves by what they say about the arms: only the candidate's, both arms', or no candidate's."""

    candidate_only: list[Move]
    both: list[Move]
    others: list[Move]


def list_moves(event: OpenEvent, policy: Policy) -> list[Move]:
    """The moves of an event, alarms first and the gravest of them first.

    A limit that is crossed where the mean lies within tolerance of its baseline is no move: it was always so.
    """
    alarms = [_of_alarm(alarm, policy) for alarm in event.gravest_first() if has_moved(alarm)]
    seen = {(move.cohort.key, move.signal) for move in alarms}
    beside = [
        _of_companion(row.cohort, companion, policy)
        for row in choose_besides(event).values()
        for companion in row.moved
        if (row.cohort.key, companion.signal) not in seen
    ]
    return [*alarms, *beside]


def has_moved(alarm: Alarm) -> bool:
    """Whether an alarm tells of a change, and not only of a limit that was crossed all along."""
    at_home = alarm.baseline_sessions > 0 and abs(alarm.observed - alarm.baseline) <= alarm.tolerance
    return alarm.limit is None or alarm.role is Role.NEVER or not at_home


def split_arms(moves: Iterable[Move]) -> Arms:
    """Split moves; a change shown by both arms of one leaf counts as both."""
    rows = list(moves)
    known = {(move.cohort.key, move.signal, move.direction) for move in rows}
    arms = Arms([], [], [])
    for move in rows:
        if any((twin.key, move.signal, move.direction) in known for twin in find_twins(move.cohort)):
            arms.both.append(move)
        elif move.cohort.arm is Arm.CANDIDATE:
            arms.candidate_only.append(move)
        else:
            arms.others.append(move)
    return arms


def _of_alarm(alarm: Alarm, policy: Policy) -> Move:
    strand = strand_of(alarm.family, alarm.carrier)
    given = strand is Strand.INPUT and not is_fetched(find_spec(policy.signals, alarm.signal))
    return Move(alarm.cohort, alarm.signal, alarm.direction, strand, given, alarm)


def _of_companion(cohort: Cohort, companion: Companion, policy: Policy) -> Move:
    strand = strand_of(companion.family, companion.carrier)
    given = strand is Strand.INPUT and not is_fetched(find_spec(policy.signals, companion.signal))
    return Move(cohort, companion.signal, direction_of(companion), strand, given, companion)
