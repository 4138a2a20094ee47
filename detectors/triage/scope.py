"""The narrowest scope that explains an event's alarms, a parent's among them."""

import math
from collections.abc import Iterable

from homeostat.detectors.triage.beside import Beside, direction_of
from homeostat.detectors.triage.lattice import NARROWEST_FIRST, cover, join_tags, overlap, read_tags
from homeostat.detectors.triage.move_names import name_move
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import ACROSS_TENANTS, Cohort

EXPLAINING_SHARE = 0.5
"""Narrower cohorts explain a parent's change when theirs make up this share of it."""
DILUTION = 0.7
"""A parent whose sessions moved by less than this share of what the narrower cohorts' did holds others that did not."""

_DAY_MS = 86_400_000
"""Over less than a day a rate is that of the hour of the day, and compares with nothing."""


def find_scope(event: OpenEvent) -> Cohort:
    """Give the narrowest declared cohort that covers the leaves that moved and the parents they do not explain.

    A parent's change is an excess of so much a session over so many sessions; so is a narrower cohort's. Where the
    excess per unit of time of narrower cohorts within it makes up half of the parent's, they explain it; so they do
    where the parent's excess a session is so much less than theirs that others among its sessions have none. Else the
    change is wider than them. Of parents that only overlap and do not explain each other the larger excess counts,
    the other one has its share of it. An event without alarms has the cohorts that the guard judged.
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
    own = _find_largest(parent, event)
    others = [_find_largest(other, event) for other in kept if other != parent and overlap(other, parent)]
    return own is not None and any(other is not None and _rate(other) > _rate(own) for other in others)


def _is_explained(parent: Cohort, event: OpenEvent) -> bool:
    narrower = [each for each in (*event.leaves.values(), *event.parents.values()) if _is_within(each, parent)]
    if not narrower:
        return False
    largest = _find_largest(parent, event)
    if largest is None:
        return True
    move = name_move(largest.signal, largest.direction)
    shares = _rates_of(move, narrower, event)
    if not shares:
        return parent.layer not in ACROSS_TENANTS
    if _is_diluted(largest, move, narrower, event):
        return True
    return _add_disjoint(shares) >= EXPLAINING_SHARE * _rate(largest)


def _is_diluted(parent: Alarm, move: str, narrower: Iterable[Cohort], event: OpenEvent) -> bool:
    """Whether the parent's sessions moved by so much less each than those of the narrower cohorts."""
    keys = {cohort.key for cohort in narrower}
    inside = [a for a in event.changes.values() if a.cohort.key in keys and name_move(a.signal, a.direction) == move]
    sessions = sum(alarm.observed_sessions for alarm in inside)
    if not sessions:
        return False
    excess = math.fsum(abs(alarm.observed - alarm.baseline) * alarm.observed_sessions for alarm in inside) / sessions
    return abs(parent.observed - parent.baseline) <= DILUTION * excess


def _find_largest(cohort: Cohort, event: OpenEvent) -> Alarm | None:
    """The alarm of a cohort whose excess per unit of time is the largest; None where none was kept."""
    own = [alarm for alarm in event.changes.values() if alarm.cohort.key == cohort.key]
    return max(own, key=lambda alarm: (_rate(alarm), alarm.signal), default=None)


def _is_within(narrow: Cohort, wide: Cohort) -> bool:
    order = NARROWEST_FIRST.index
    return order(narrow.layer) < order(wide.layer) and overlap(narrow, wide)


def _rates_of(move: str, cohorts: Iterable[Cohort], event: OpenEvent) -> list[tuple[float, Cohort]]:
    """By cohort the largest excess per ms of this move, alarmed or beside an alarm; without those that show none."""
    rates: dict[str, tuple[float, Cohort]] = {}
    wanted = {cohort.key: cohort for cohort in cohorts}
    for alarm in event.changes.values():
        key = alarm.cohort.key
        if key in wanted and name_move(alarm.signal, alarm.direction) == move:
            rates[key] = max(rates.get(key, (0.0, wanted[key])), (_rate(alarm), wanted[key]), key=lambda row: row[0])
    for row in event.besides.values():
        key = row.cohort.key
        span_ms = max(_DAY_MS, row.log_time_ms - row.onset_from_ms)
        for each in row.moved:
            if key in wanted and key not in rates and name_move(each.signal, direction_of(each)) == move:
                rates[key] = (abs(each.observed - each.baseline) * each.sessions / span_ms, wanted[key])
    return list(rates.values())


def _add_disjoint(rates: list[tuple[float, Cohort]]) -> float:
    """The sum over cohorts that share no session, the largest first."""
    total, counted = 0.0, list[Cohort]()
    for rate, cohort in sorted(rates, key=lambda row: (-row[0], row[1].key)):
        if not any(overlap(cohort, other) for other in counted):
            total += rate
            counted.append(cohort)
    return total


def _rate(alarm: Alarm) -> float:
    """Excess per ms: (observed − baseline) · sessions since the onset / time since the onset, at least a day."""
    span_ms = max(_DAY_MS, alarm.log_time_ms - alarm.onset_from_ms)
    return abs(alarm.observed - alarm.baseline) * alarm.observed_sessions / span_ms
