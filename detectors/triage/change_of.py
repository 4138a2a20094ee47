"""From an alarm to one signal's change: its size with an interval, and whether it is dangerous."""

from homeostat.detectors.triage.size_interval import mean_interval
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import SignalChange
from homeostat.schemas.signal import Direction, Role


def describe_change(alarm: Alarm) -> SignalChange:
    """Give the change that an alarm reports; the interval adds the baseline's own uncertainty on both sides.

    The alarm of an absolute limit does not say how uncertain the baseline is: its interval leaves that out.
    """
    low, high = mean_interval(alarm.observed, alarm.observed_sessions)
    slack = abs(alarm.bound - alarm.baseline) if alarm.limit is None else 0.0
    return SignalChange(
        cohort=alarm.cohort,
        signal=alarm.signal,
        family=alarm.family,
        role=alarm.role,
        direction=alarm.direction,
        harmful=alarm.harmful,
        observed=alarm.observed,
        observed_sessions=alarm.observed_sessions,
        baseline=alarm.baseline,
        size=alarm.observed - alarm.baseline,
        size_low=max(-1.0, low - alarm.baseline - slack),
        size_high=min(1.0, high - alarm.baseline + slack),
        tolerance=alarm.tolerance,
        evidence=alarm.evidence,
        threshold=alarm.threshold,
        alarm=alarm.alarm,
    )


def is_dangerous(alarm: Alarm) -> bool:
    """Whether a guardrail moved in its harmful direction by more than its tolerance, or what must not be happened.

    What must not be is an occurrence of a `never` signal, and a declared limit that is crossed.
    """
    forbidden = alarm.role is Role.NEVER or alarm.limit is not None
    return alarm.harmful and (forbidden or (alarm.role is Role.GUARDRAIL and _excess(alarm) > 0))


def is_beneficial(alarm: Alarm) -> bool:
    """Whether a guardrail moved in its good direction by more than its tolerance."""
    return alarm.role is Role.GUARDRAIL and not alarm.harmful and _excess(alarm) > 0


Rank = tuple[bool, bool, float]


def rank_change(alarm: Alarm) -> Rank:
    """How grave a change is, for sorting: dangerous, a guardrail, how far beyond its tolerance."""
    grave = alarm.role in {Role.GUARDRAIL, Role.NEVER}
    return is_dangerous(alarm), grave, abs(alarm.observed - alarm.baseline) - alarm.tolerance


def _excess(alarm: Alarm) -> float:
    """How far it moved in the direction of the alarm beyond its tolerance."""
    sign = -1.0 if alarm.direction is Direction.DOWN else 1.0
    return sign * (alarm.observed - alarm.baseline) - alarm.tolerance
