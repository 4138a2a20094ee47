"""Numbers, times and cohorts as a clinician reads them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.drift_event import SignalChange
from homeostat.schemas.signal import Direction

_NAMED_TENANTS = 3


def say_time(epoch_ms: int) -> str:
    """Give a moment in UTC, to the second.

    >>> say_time(1_700_000_000_000)
    '2023-11-14 22:13:20 UTC'
    """
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def say_signal(name: str) -> str:
    """Give a signal's name as words.

    >>> say_signal("edit_ratio")
    'edit ratio'
    """
    return name.replace("_", " ").replace("-", " ")


def say_place(scope: Cohort, tenants: Sequence[str] = ()) -> str:
    """Give a scope as words; a few tenants by name, when the scope itself has none.

    >>> say_place(Cohort(layer=Layer.SPECIALTY, specialty="cardiology"))
    'cardiology at all tenants'
    >>> say_place(Cohort(layer=Layer.WORKFLOW, workflow="visit-note"), ["north", "south"])
    'visit-note at north, south'
    """
    named = scope.tenant or (", ".join(tenants) if 0 < len(tenants) <= _NAMED_TENANTS else "")
    if not named and scope.layer is Layer.PLATFORM:
        return "the whole platform"
    what = " ".join([scope.specialty, f"({scope.workflow})"]) if scope.specialty and scope.workflow else ""
    words = [what or scope.specialty or scope.workflow or "", f"at {named or 'all tenants'}"]
    arm = f", {scope.arm} arm" if scope.arm else ""
    return " ".join(word for word in words if word) + arm


def say_change(change: SignalChange) -> str:
    """Give one change with its numbers."""
    verb = "fell" if change.direction is Direction.DOWN else "rose"
    return (
        f"{say_signal(change.signal)} {verb} to {change.observed:.2f} from {change.baseline:.2f} "
        f"({change.size:+.2f}, between {change.size_low:+.2f} and {change.size_high:+.2f}; "
        f"tolerance {change.tolerance:.2f}; n={change.observed_sessions})"
    )


def say_alarm(alarm: Alarm) -> str:
    """Give an alarm as evidence: observed, comparator, limit, n, e."""
    sign = "<" if alarm.direction is Direction.DOWN else ">"
    return (
        f"{alarm.signal} {alarm.observed:.3f} {sign} {alarm.bound:.3f} ± tolerance {alarm.tolerance:.3f} "
        f"(n={alarm.observed_sessions}, e={alarm.evidence:.3g} >= {alarm.threshold:.3g}) in {alarm.cohort.key}"
    )
