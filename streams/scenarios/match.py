"""Which event is about which truth: by time and by overlapping cohorts, never by class."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.triage.lattice import cover, join_tags
from homeostat.schemas.cohort import Cohort
from homeostat.streams.scenarios.outcome import Raised
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import DAY_MS, start_ms_of
from homeostat.streams.scenarios.truth_format import Scope, Truth

GRACE_MS = 7 * DAY_MS
"""How long after a truth's `until_day` an event may still be about it."""
Cell = tuple[str, str, str]


class Matched(NamedTuple):
    """A truth's event (None: not noticed), and the further events about it."""

    truth: Truth
    onset_ms: int
    event: Raised | None
    further: tuple[Raised, ...]
    shared: bool


def cells_of_scope(scope: Scope, scenario: Scenario) -> frozenset[Cell]:
    """The tenant × specialty × workflow combinations that a truth is about."""
    return frozenset(cell for cell in scenario.cells() if scope.holds(*cell))


def cells_of_cohort(cohort: Cohort, scenario: Scenario) -> frozenset[Cell]:
    """Those of a cohort."""
    tags = (cohort.tenant, cohort.specialty, cohort.workflow)
    return frozenset(
        cell for cell in scenario.cells() if all(tag in {None, part} for tag, part in zip(tags, cell, strict=True))
    )


def onset_ms_of(truth: Truth, scenario: Scenario) -> int:
    """When the truth began."""
    day = truth.onset_day
    if day is None:
        day = min(scenario.beginnings())
    return start_ms_of(scenario) + round(day * DAY_MS)


def match_events(scenario: Scenario, raised: Sequence[Raised]) -> tuple[list[Matched], list[Raised]]:
    """Give each truth its event, and the events that are about none: false alarms.

    An event may be about a truth if it was first stated after the truth's onset (and not later than a week after its
    `until_day`) and shares a cohort with it. Among those that may, the truth gets the one whose cohorts agree best,
    of equals the one first stated; each event is given to one truth first. A truth left without takes an event of
    another truth whose class is among its answers or `also`.
    """
    onsets = [onset_ms_of(truth, scenario) for truth in scenario.truth]
    may = [
        [each for each in raised if _may_be(each, truth, onset_ms, scenario)]
        for truth, onset_ms in zip(scenario.truth, onsets, strict=True)
    ]
    given = _assign(scenario, may)
    about = {each.event.event for candidates in may for each in candidates}
    taken = {each.event.event for each in given if each is not None}
    matched = []
    for number, truth in enumerate(scenario.truth):
        event, shared = given[number], False
        if event is None:
            event = next((each for each in may[number] if each.event.event in taken and _names(each, truth)), None)
            shared = event is not None
        further = tuple(each for each in may[number] if each.event.event not in taken)
        matched.append(Matched(truth, onsets[number], event, further, shared))
    return matched, [each for each in raised if each.event.event not in about]


def agreement(left: frozenset[Cell], right: frozenset[Cell]) -> float:
    """Cohorts in both over cohorts in either; 0 for none at all."""
    return len(left & right) / len(left | right) if left | right else 0.0


def is_scope_right(raised: Raised, scope: Scope, scenario: Scenario) -> bool:
    """Whether an event names whom the truth is about.

    Its scope must hold exactly the truth's cohorts. Where no cohort of the lattice does (two tenants of five), it must
    be the narrowest one that covers them, and every leaf cohort that it names one of them. Where the truth names an
    arm, every leaf cohort of the event must be of that arm.
    """
    event, leaves = raised.event, raised.leaves
    wanted = cells_of_scope(scope, scenario)
    if scope.arms and ({leaf.arm for leaf in leaves} | {event.scope.arm}) - {None} - set(scope.arms):
        return False
    if cells_of_cohort(event.scope, scenario) == wanted:
        return True
    rows = [{"tenant": t, "specialty": s, "workflow": w, "arm": None} for t, s, w in sorted(wanted)]
    narrowest = cells_of_cohort(cover(join_tags(rows)), scenario)
    if narrowest == wanted or cells_of_cohort(event.scope, scenario) != narrowest:
        return False
    return bool(leaves) and all(cells_of_cohort(leaf, scenario) <= wanted for leaf in leaves)


def _may_be(each: Raised, truth: Truth, onset_ms: int, scenario: Scenario) -> bool:
    if each.first_ms < onset_ms:
        return False
    if truth.until_day is not None:
        over_ms = start_ms_of(scenario) + round(truth.until_day * DAY_MS) + GRACE_MS
        if each.first_ms > over_ms:
            return False
    return bool(cells_of_scope(truth.scope, scenario) & cells_of_cohort(each.event.scope, scenario))


def _assign(scenario: Scenario, may: list[list[Raised]]) -> list[Raised | None]:
    """Pairs in order of agreement, then of statement; each truth and each event once."""
    pairs = [
        (-agreement(cells_of_scope(truth.scope, scenario), cells_of_cohort(each.event.scope, scenario)), each.first_ms,
         each.event.event, number, each)
        for number, truth in enumerate(scenario.truth)
        for each in may[number]
    ]  # fmt: skip
    given: list[Raised | None] = [None] * len(scenario.truth)
    taken: set[str] = set()
    for *_, name, number, each in sorted(pairs, key=lambda pair: pair[:4]):
        if given[number] is None and name not in taken:
            given[number] = each
            taken.add(name)
    return given


def _names(each: Raised, truth: Truth) -> bool:
    return bool({each.event.drift_class, *each.event.also} & set(truth.drift_class))
