"""Which guardrails are shown to be no worse than their tolerance, cohort by cohort or taken together."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from homeostat.detectors.triage.beside import MOVED, Beside, Window, judge_companion, moved_harmfully, open_window
from homeostat.detectors.triage.lattice import NARROWEST_FIRST, covers
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.detectors.triage.scope import choose_besides, list_wide
from homeostat.schemas.alarm import Companion
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Role

_ONE_SIDED: Final = 1.6448536269514722 / 2.5758293035489004
"""A one-sided 95 % bound as a share of half a 99 % interval."""


class Guarded(NamedTuple):
    """One guardrail: whether it is shown within tolerance in all cohorts that moved, and that in words."""

    signal: str
    held: bool
    reason: str


def list_guarded(event: OpenEvent, policy: Policy) -> Iterator[Guarded]:
    """Judge every guardrail of the policy that work or feedback carries; gateways' reports are the guard's alone.

    Where more cohorts moved than are kept, those that are kept stand for the others together with the narrowest
    cohort that has all of them and moved itself; a guardrail that was harmed in one would alarm there.
    """
    rows, moved, over_all = choose_besides(event), list(event.leaves), None
    if is_partial(event):
        moved, over_all = list(rows) or moved, find_cover(event)
    elif not moved:
        moved = [cohort.key for cohort in list_wide(event)]
    names = [
        spec.name for spec in policy.columns if spec.role is Role.GUARDRAIL and spec.carrier is not Carrier.EXPOSURE
    ]
    for name in names:
        learned = policy.baseline.first_sessions
        each = _judge(name, event, rows, moved, learned)
        if each.held and over_all is not None:
            key = over_all.cohort.key
            together = _judge(name, event, {key: over_all}, [key], learned)
            each = (
                Guarded(name, True, f"{each.reason} that are kept, and over all of {key}")
                if together.held
                else together
            )
        yield each


def is_partial(event: OpenEvent) -> bool:
    """Whether more cohorts moved than are kept with what stood beside them."""
    return event.rest_tags is not None or event.besides_left_out > 0


def find_cover(event: OpenEvent) -> Beside | None:
    """What stood beside the alarm of the narrowest cohort that has all that moved; None where no such one alarmed."""
    wide = [row for row in event.besides.values() if row.cohort.layer is not Layer.LEAF]
    over = [row for row in wide if covers(row.cohort, event.scope)]
    return min(over, key=lambda row: (NARROWEST_FIRST.index(row.cohort.layer), row.cohort.key), default=None)


def _judge(name: str, event: OpenEvent, rows: Mapping[str, Beside], cohorts: Sequence[str], learned: int) -> Guarded:
    alarmed = {alarm.cohort.key: alarm.harmful for alarm in event.changes.values() if alarm.signal == name}
    if any(alarmed.values()):
        return Guarded(name, False, f"{name} alarmed")
    seen = {key: each for key, row in rows.items() for each in row.guardrails if each.signal == name}
    elsewhere = {key for key, row in rows.items() if name in row.elsewhere}
    missing = [key for key in cohorts if key not in seen and key not in alarmed and key not in elsewhere]
    if missing:
        return Guarded(name, False, f"{name} in {missing[0]}{_count_more(missing)}")
    if any(judge_companion(each) in MOVED and moved_harmfully(each) for each in seen.values()):
        return Guarded(name, False, f"{name} moved")
    tolerance = max((each.tolerance for each in seen.values()), default=0.0)
    windows = {}
    for key, each in seen.items():
        window = _surest(rows[key].windows.get(name), open_window(each))
        windows[key] = _add_baseline(window, each, learned)
    return _judge_windows(name, windows, tolerance)


def _judge_windows(name: str, windows: Mapping[str, Window], tolerance: float) -> Guarded:
    """Held in each cohort, or in all of them together as if they were alike."""
    not_held = [key for key, window in windows.items() if _end(window) > tolerance]
    if not not_held:
        return Guarded(name, True, f"{name} in each of {len(windows)} cohorts")
    joint = functools.reduce(Window.add, windows.values())
    words = f"{joint.bound()[0]:+.3f}, at most {_end(joint):+.3f} against tolerance {tolerance:.3f}"
    if len(windows) > 1 and _end(joint) <= tolerance:
        return Guarded(name, True, f"{name} {words} over {len(windows)} cohorts as if alike")
    return Guarded(name, False, f"{name} {words} in {not_held[0]}{_count_more(not_held)}")


def _add_baseline(window: Window, companion: Companion, learned: int) -> Window:
    """The window with its baseline's own uncertainty: that of a mean of `learned` such sessions, within its bounds."""
    n = max(1, window.sessions)
    half = min(math.sqrt(window.squares / (n * learned)), (companion.bound_high - companion.bound_low) / 2)
    return window.model_copy(update={"squares": window.squares + (window.sessions * half) ** 2})


def _end(window: Window) -> float:
    """The one-sided 95 % bound: how much worse it is at most."""
    worse, half = window.bound()
    return worse + _ONE_SIDED * half


def _surest(long: Window | None, newest: Window) -> Window:
    """The one with the lower upper end."""
    return newest if long is None or sum(newest.bound()) < sum(long.bound()) else long


def _count_more(keys: Sequence[str]) -> str:
    return f" and {len(keys) - 1} more" if len(keys) > 1 else ""
