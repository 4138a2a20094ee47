"""Which guardrails are shown to be no worse than their tolerance, cohort by cohort or taken together."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.beside import MOVED, Window, judge_companion, moved_harmfully, open_window
from homeostat.detectors.triage.open_event import OpenEvent
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Role


class Guarded(NamedTuple):
    """One guardrail: whether it is shown within tolerance in all cohorts that moved, and that in words."""

    signal: str
    held: bool
    reason: str


def list_guarded(event: OpenEvent, policy: Policy) -> Iterator[Guarded]:
    """Judge every guardrail of the policy that work or feedback carries; gateways' reports are the guard's alone."""
    names = [
        spec.name for spec in policy.columns if spec.role is Role.GUARDRAIL and spec.carrier is not Carrier.EXPOSURE
    ]
    for name in names:
        yield _judge(name, event)


def _judge(name: str, event: OpenEvent) -> Guarded:
    alarmed = {alarm.cohort.key: alarm.harmful for alarm in event.changes.values() if alarm.signal == name}
    if any(alarmed.values()):
        return Guarded(name, False, f"{name} alarmed")
    seen = {row.cohort.key: each for row in event.besides.values() for each in row.guardrails if each.signal == name}
    elsewhere = {row.cohort.key for row in event.besides.values() if name in row.elsewhere}
    missing = [key for key in event.leaves if key not in seen and key not in alarmed and key not in elsewhere]
    if missing:
        return Guarded(name, False, f"{name} in {missing[0]}{_count_more(missing)}")
    if any(judge_companion(each) in MOVED and moved_harmfully(each) for each in seen.values()):
        return Guarded(name, False, f"{name} moved")
    windows = {key: _surest(event.besides[key].windows.get(name), open_window(each)) for key, each in seen.items()}
    return _judge_windows(name, windows, max((each.tolerance for each in seen.values()), default=0.0))


def _judge_windows(name: str, windows: Mapping[str, Window], tolerance: float) -> Guarded:
    """Held in each cohort, or in all of them together as if they were alike."""
    not_held = [key for key, window in windows.items() if sum(window.bound()) > tolerance]
    if not not_held:
        return Guarded(name, True, f"{name} in each of {len(windows)} cohorts")
    worse, half = functools.reduce(Window.add, windows.values()).bound()
    words = f"{worse:+.3f} ± {half:.3f} against tolerance {tolerance:.3f}"
    if len(windows) > 1 and worse + half <= tolerance:
        return Guarded(name, True, f"{name} {words} over {len(windows)} cohorts as if alike")
    return Guarded(name, False, f"{name} {words} in {not_held[0]}{_count_more(not_held)}")


def _surest(long: Window | None, newest: Window) -> Window:
    """The one with the lower upper end."""
    return newest if long is None or sum(newest.bound()) < sum(long.bound()) else long


def _count_more(keys: Sequence[str]) -> str:
    return f" and {len(keys) - 1} more" if len(keys) > 1 else ""
