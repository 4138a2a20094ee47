"""What stood beside an alarm: which other columns of its cohort moved since the onset, and which are shown steady."""

import math
from collections.abc import Iterable, Mapping, Set
from enum import StrEnum

from homeostat.detectors.triage.move_names import name_move
from homeostat.detectors.triage.strands import Strand, strand_of
from homeostat.schemas.alarm import Alarm, Companion
from homeostat.schemas.base import Count, EpochMs, Part, Slug
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import Direction, Role

MAX_MOVED, MAX_GUARDRAILS = 12, 12
"""Companions of one cohort that are kept with their numbers; the others are counted by strand."""


MAX_STEADY_INPUTS = 32
LASTING = 0.5
"""A column has moved beside alarms where it stood out at this share of them."""


class Standing(StrEnum):
    """Where a companion's 99 % interval lies against its baseline.

    `beyond`: outside the baseline's bounds by more than the tolerance. `moved`: outside the bounds, and the mean is
    off the baseline by more than the tolerance. `little`: outside the bounds only. `steady`: inside baseline ±
    tolerance. `unknown`: none of these, or no session.
    """

    BEYOND = "beyond"
    MOVED = "moved"
    LITTLE = "little"
    STEADY = "steady"
    UNKNOWN = "unknown"


MOVED = frozenset({Standing.BEYOND, Standing.MOVED})


class Tally(Part):
    """How many of a strand's columns moved, moved a little, are steady, or unknown."""

    moved: Count = 0
    little: Count = 0
    steady: Count = 0
    unknown: Count = 0


class Window(Part):
    """How much worse a guardrail was than its baseline over several stretches of time that do not overlap.

    `sessions` n, `worse` Σ n·d with d in the harmful direction, `squares` Σ (n·h)², h half of a 99 % interval: the mean
    of d is `worse`/n ± √`squares`/n where the stretches are independent.
    """

    sessions: Count = 0
    worse: float = 0.0
    squares: float = 0.0

    def add(self, other: "Window") -> "Window":
        """Both together."""
        return Window(
            sessions=self.sessions + other.sessions,
            worse=self.worse + other.worse,
            squares=self.squares + other.squares,
        )

    def bound(self) -> tuple[float, float]:
        """The mean and half of its interval; (0, 1) for no session."""
        return (self.worse / self.sessions, math.sqrt(self.squares) / self.sessions) if self.sessions else (0.0, 1.0)


class Beside(Part):
    """The companions of the newest alarm of one cohort, as far as they are kept.

    `windows` holds each guardrail over every stretch of time that came after the one before it, up to `until_ms`: a
    cohort's memory is short, and alarms that repeat make up a long time. `elsewhere` are guardrails that moved of
    another cause, and were left out. `looks` counts the cohort's alarms, `seen` in how many of them a move stood out:
    of a hundred columns looked at a hundred times some stand out by chance.
    """

    cohort: Cohort
    onset_from_ms: EpochMs
    log_time_ms: EpochMs
    moved: tuple[Companion, ...] = ()
    guardrails: tuple[Companion, ...] = ()
    elsewhere: tuple[Slug, ...] = ()
    steady_inputs: tuple[Slug, ...] = ()
    tallies: dict[Strand, Tally] = {}
    windows: dict[Slug, Window] = {}
    until_ms: EpochMs = 0
    looks: Count = 0
    seen: dict[str, Count] = {}


def judge_companion(companion: Companion) -> Standing:
    """Say where a companion stands."""
    low, high, tolerance = companion.low, companion.high, companion.tolerance
    if companion.sessions == 0:
        return Standing.UNKNOWN
    if low > companion.bound_high + tolerance or high < companion.bound_low - tolerance:
        return Standing.BEYOND
    if low > companion.bound_high or high < companion.bound_low:
        return Standing.MOVED if abs(companion.observed - companion.baseline) > tolerance else Standing.LITTLE
    if low >= companion.baseline - tolerance and high <= companion.baseline + tolerance:
        return Standing.STEADY
    return Standing.UNKNOWN


def direction_of(companion: Companion) -> Direction:
    """The way a companion's mean lies from its baseline."""
    return Direction.UP if companion.observed >= companion.baseline else Direction.DOWN


def moved_harmfully(companion: Companion) -> bool:
    """Whether the way it moved is its harmful one."""
    return direction_of(companion) is companion.direction


def open_window(companion: Companion) -> Window:
    """A guardrail over the time since an onset: how much worse, and how far its harmful end may be off."""
    if companion.direction is Direction.DOWN:
        worse, half = companion.baseline - companion.observed, companion.observed - companion.low
    else:
        worse, half = companion.observed - companion.baseline, companion.high - companion.observed
    n = companion.sessions
    return Window(sessions=n, worse=n * worse, squares=(n * half) ** 2)


def look_beside(alarm: Alarm, before: Beside | None = None) -> Beside | None:
    """Give what is kept of an alarm's companions, after those `before` it in the cohort; None where it has none."""
    if not alarm.companions:
        return before
    windows, until_ms = (before.windows, before.until_ms) if before is not None else ({}, 0)
    apart = alarm.onset_to_ms >= until_ms
    found = [each for each in alarm.companions if judge_companion(each) in MOVED]
    looks, seen = (1, dict[str, int]()) if before is None else (before.looks + 1, dict(before.seen))
    for each in found:
        seen[_name(each)] = seen.get(_name(each), 0) + 1
    moved = [each for each in found if LASTING * looks <= seen[_name(each)]]
    moved.sort(key=lambda each: (each.tolerance - abs(each.observed - each.baseline), each.signal))
    guardrails = [each for each in alarm.companions if each.role is Role.GUARDRAIL]
    return Beside(
        cohort=alarm.cohort,
        onset_from_ms=alarm.onset_from_ms,
        log_time_ms=alarm.log_time_ms,
        moved=tuple(moved[:MAX_MOVED]),
        guardrails=tuple(guardrails[:MAX_GUARDRAILS]),
        steady_inputs=tuple(sorted(name_inputs(alarm.companions, {Standing.STEADY}))[:MAX_STEADY_INPUTS]),
        tallies=_count(alarm.companions),
        windows=_lengthen(windows, guardrails[:MAX_GUARDRAILS]) if apart else windows,
        until_ms=alarm.log_time_ms if apart else until_ms,
        looks=looks,
        seen=seen,
    )


def name_inputs(companions: Iterable[Companion], standings: Set[Standing]) -> set[str]:
    """The columns of inputs among these that stand like that."""
    inputs = (each for each in companions if strand_of(each.family, each.carrier) is Strand.INPUT)
    return {each.signal for each in inputs if judge_companion(each) in standings}


def leave_out(beside: Beside, moves: Set[str]) -> Beside:
    """The same without companions that made one of these moves."""
    keeps = {
        name: tuple(each for each in rows if judge_companion(each) not in MOVED or _name(each) not in moves)
        for name, rows in (("moved", beside.moved), ("guardrails", beside.guardrails))
    }
    gone = {each.signal for each in beside.guardrails if each not in keeps["guardrails"]}
    return beside.model_copy(update={**keeps, "elsewhere": tuple(sorted(gone | set(beside.elsewhere)))})


def _name(companion: Companion) -> str:
    return name_move(companion.signal, direction_of(companion))


def add_tallies(besides: Iterable[Beside]) -> dict[Strand, Tally]:
    """The sums over several cohorts."""
    sums: dict[Strand, Tally] = {}
    for beside in besides:
        for strand, tally in beside.tallies.items():
            held = sums.get(strand, Tally())
            sums[strand] = Tally(
                moved=held.moved + tally.moved,
                little=held.little + tally.little,
                steady=held.steady + tally.steady,
                unknown=held.unknown + tally.unknown,
            )
    return sums


def _lengthen(windows: Mapping[str, Window], guardrails: Iterable[Companion]) -> dict[str, Window]:
    return {each.signal: windows.get(each.signal, Window()).add(open_window(each)) for each in guardrails}


def _count(companions: Iterable[Companion]) -> dict[Strand, Tally]:
    counts: dict[Strand, dict[str, int]] = {}
    for each in companions:
        standing = judge_companion(each)
        name = "moved" if standing in MOVED else standing.value
        row = counts.setdefault(strand_of(each.family, each.carrier), {})
        row[name] = row.get(name, 0) + 1
    return {strand: Tally.model_validate(counts[strand]) for strand in sorted(counts)}
