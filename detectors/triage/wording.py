"""Numbers, times and cohorts as a clinician reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from homeostat.schemas.alarm import Alarm, Companion
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import SignalChange
from homeostat.schemas.signal import Direction
from homeostat.schemas.signal_columns import SPREAD, part_of, signal_of

_NAMED_TENANTS = 3


def say_time(epoch_ms: int) -> str:
    """Give a moment in UTC, to the second.

    >>> say_time(1_700_000_000_000)
    '2023-11-14 22:13:20 UTC'
    """
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def say_signal(column: str) -> str:
    """Give a column's name as words.

    >>> say_signal("edit_ratio"), say_signal("payer--unseen"), say_signal("note_words--spread")
    ('edit ratio', 'payer (unseen)', 'note words (spread)')
    """
    part = part_of(column)
    words = signal_of(column).replace("_", " ").replace("-", " ")
    return f"{words} ({part.replace('_', ' ').replace('-', ' ')})" if part else words


def say_place(scope: Cohort, tenants: Sequence[str] = ()) -> str:
    """Give a scope as words; a few tenants by name, when the scope itself has none.

    >>> say_place(Cohort(layer=Layer.SPECIALTY, specialty="cardiology"))
    'cardiology at all tenants'
    >>> say_place(Cohort(layer=Layer.WORKFLOW, workflow="visit-note"), ["north", "south"])
    'visit-note at north, south'
    >>> say_place(Cohort(layer=Layer.PLATFORM), ["north", "south"])
    'north, south'
    """
    named = scope.tenant or (", ".join(tenants) if 0 < len(tenants) <= _NAMED_TENANTS else "")
    if not named and scope.layer is Layer.PLATFORM:
        return "the whole platform"
    what = " ".join([scope.specialty, f"({scope.workflow})"]) if scope.specialty and scope.workflow else ""
    what = what or scope.specialty or scope.workflow or ""
    words = [what, f"at {named or 'all tenants'}"] if what else [named]
    arm = f", {scope.arm} arm" if scope.arm else ""
    return " ".join(word for word in words if word) + arm


def say_change(change: SignalChange) -> str:
    """Give one change with its numbers; a spread alone is less consistent work."""
    verb = "fell" if change.direction is Direction.DOWN else "rose"
    if part_of(change.signal) == SPREAD:
        what = f"{say_signal(signal_of(change.signal))} is less consistent, its distance from the mean"
    else:
        what = say_signal(change.signal)
    return (
        f"{what} {verb} to {change.observed:.2f} from {change.baseline:.2f} "
        f"({change.size:+.2f}, between {change.size_low:+.2f} and {change.size_high:+.2f}; "
        f"tolerance {change.tolerance:.2f}; n={change.observed_sessions})"
    )


def say_alarm(alarm: Alarm) -> str:
    """Give an alarm as evidence: observed, comparator, limit, n, e."""
    sign = "<" if alarm.direction is Direction.DOWN else ">"
    comparator = (
        f"{alarm.bound:.3f} ± tolerance {alarm.tolerance:.3f}" if alarm.limit is None else f"limit {alarm.limit:.3f}"
    )
    return (
        f"{alarm.signal} {alarm.observed:.3f} {sign} {comparator} "
        f"(n={alarm.observed_sessions}, e={alarm.evidence:.3g} >= {alarm.threshold:.3g}) in {alarm.cohort.key}"
    )


def say_companion(companion: Companion, cohort: Cohort) -> str:
    """Give what stood beside an alarm as evidence: observed with its 99 % interval, comparator, tolerance, n."""
    return (
        f"{companion.signal} {companion.observed:.3f} in [{companion.low:.3f}, {companion.high:.3f}] against "
        f"{companion.baseline:.3f} in [{companion.bound_low:.3f}, {companion.bound_high:.3f}] ± tolerance "
        f"{companion.tolerance:.3f} (n={companion.sessions}) beside an alarm in {cohort.key}"
    )
