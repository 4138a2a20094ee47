"""The narrowest scope that explains an event's alarms, a parent's among them."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from homeostat.detectors.triage.beside import Beside, direction_of
from homeostat.detectors.triage.lattice import NARROWEST_FIRST, cover, covers, join_tags, overlap, read_tags
from homeostat.detectors.triage.move_names import name_move
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.base import DAY_MS
from homeostat.schemas.cohort import ACROSS_TENANTS, Cohort

ALIKE: Final = 0.25
"""Shares of sessions are estimates: a rest that moved by up to so much of the narrower cohorts' change shows none."""
MIX_ERRORS: Final = 2.0
"""Of few sessions since the onset more may be the narrower cohorts' than usual: by so many standard errors."""
NEARLY_ALL: Final = 0.9
"""Narrower cohorts with this share of a parent's sessions leave too few others to speak of."""


class _Part(NamedTuple):
    """A narrower cohort's change: its excess a session, and its sessions per ms."""

    cohort: Cohort
    excess: float
    rate: float


def find_scope(event: OpenEvent) -> Cohort:
    """Give the narrowest declared cohort that covers the leaves that moved and the parents they do not explain.

    A parent's change is an excess of so much a session over so many sessions; so is a narrower cohort's. What is left
    of the parent's excess beside theirs is that of its other sessions. Where these moved by no more than the tolerance
    the narrower cohorts explain the parent; else the change is wider than them. Of parents that only overlap and do not
    explain each other the larger excess counts, the other one has its share of it. An event without alarms has the
    cohorts that the guard judged.
    """
    if event.rest_tags is not None:
        return event.scope
    return cover(join_tags(read_tags(each) for each in (*event.leaves.values(), *list_wide(event))))


def list_wide(event: OpenEvent) -> list[Cohort]:
    """The parents that moved and that nothing narrower explains."""
    kept = [parent for parent in event.parents.values() if not _is_explained(parent, event)]
    return [parent for parent in kept if not _is_share(parent, kept, event)]


def choose_besides(event: OpenEvent) -> dict[str, Beside]:
    """What stood beside its alarms, by cohort: of the leaves; where none moved, of the parents that nothing explains.

    Beside the alarm of a wide cohort stands whatever moves in any part of it: it speaks only where no leaf does.
    """
    chosen = event.leaves or {cohort.key for cohort in list_wide(event)}
    return {key: row for key, row in event.besides.items() if key in chosen}


def _is_share(parent: Cohort, kept: Iterable[Cohort], event: OpenEvent) -> bool:
    """Whether another parent that shares sessions with this one has more of the excess; of equals the narrower has."""
    own = _weigh(parent, event)
    others = [_weigh(other, event) for other in kept if other != parent and overlap(other, parent)]
    return own is not None and any(other is not None and other > own for other in others)


def _weigh(parent: Cohort, event: OpenEvent) -> tuple[float, int] | None:
    largest = _find_largest(parent, event)
    return None if largest is None else (_rate(largest), -NARROWEST_FIRST.index(parent.layer))


def _is_explained(parent: Cohort, event: OpenEvent) -> bool:
    narrower = [each for each in (*event.leaves.values(), *event.parents.values()) if _is_within(each, parent)]
    if not narrower:
        return False
    largest = _find_largest(parent, event)
    if largest is None:
        return True
    parts = _list_parts(name_move(largest.signal, largest.direction), narrower, event)
    if not parts:
        return parent.layer not in ACROSS_TENANTS
    share = min(1.0, math.fsum(part.rate for part in parts) / _find_pace(largest))
    excess = math.fsum(part.excess * part.rate for part in parts) / math.fsum(part.rate for part in parts)
    share = min(1.0, share + MIX_ERRORS * math.sqrt(share * (1.0 - share) / max(1, largest.observed_sessions)))
    if share >= NEARLY_ALL:
        return True
    rest = abs(largest.observed - largest.baseline) - share * excess
    return rest <= (1.0 - share) * max(largest.tolerance, ALIKE * excess)


def _find_largest(cohort: Cohort, event: OpenEvent) -> Alarm | None:
    """The alarm of a cohort whose excess per unit of time is the largest; None where none was kept."""
    own = [alarm for alarm in event.changes.values() if alarm.cohort.key == cohort.key]
    return max(own, key=lambda alarm: (_rate(alarm), alarm.signal), default=None)


def _is_within(narrow: Cohort, wide: Cohort) -> bool:
    order = NARROWEST_FIRST.index
    return order(narrow.layer) < order(wide.layer) and covers(wide, narrow)


def _list_parts(move: str, cohorts: Iterable[Cohort], event: OpenEvent) -> list[_Part]:
    """The cohorts with this move, alarmed or beside an alarm, that share no session, the largest first."""
    wanted = {cohort.key: cohort for cohort in cohorts}
    found = dict[str, _Part]()
    paces = {alarm.cohort.key: _find_pace(alarm) for alarm in event.changes.values()}
    for alarm in event.changes.values():
        key = alarm.cohort.key
        if key in wanted and name_move(alarm.signal, alarm.direction) == move:
            part = _Part(wanted[key], abs(alarm.observed - alarm.baseline), _find_pace(alarm))
            found[key] = max(found.get(key, part), part, key=lambda each: each.excess * each.rate)
    for row in event.besides.values():
        for each in row.moved:
            if row.cohort.key in wanted and name_move(each.signal, direction_of(each)) == move:
                pace = each.sessions / max(DAY_MS, row.log_time_ms - row.onset_from_ms)
                part = _Part(row.cohort, abs(each.observed - each.baseline), paces.get(row.cohort.key, pace))
                found.setdefault(row.cohort.key, part)
    kept = list[_Part]()
    for part in sorted(found.values(), key=lambda each: (-each.excess * each.rate, each.cohort.key)):
        if not any(overlap(part.cohort, other.cohort) for other in kept):
            kept.append(part)
    return kept


def _rate(alarm: Alarm) -> float:
    """Excess per ms: (observed − baseline) · sessions since the onset / time since the onset, at least a day."""
    return abs(alarm.observed - alarm.baseline) * _pace(alarm)


def _find_pace(alarm: Alarm) -> float:
    """Sessions per ms of an alarm's cohort: as it says, or since the onset where it is too young to say."""
    return alarm.sessions_per_day / DAY_MS or _pace(alarm)


def _pace(alarm: Alarm) -> float:
    """Sessions per ms since the onset, over at least a day."""
    return max(1, alarm.observed_sessions) / max(DAY_MS, alarm.log_time_ms - alarm.onset_from_ms)
