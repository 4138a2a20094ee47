"""Whether the inputs explain an alarm's change, by the regression sealed with the baseline."""

from typing import Final

from homeostat.schemas.alarm import Alarm

_TOO_FAR: Final = 2.0
"""A regression may predict so many times the change that it explains."""


def explains(alarm: Alarm) -> bool:
    """Whether the inputs explain an alarm's change: what they leave of it is within tolerance.

    A line drawn through the usual inputs reaches too far for unusual ones; where the inputs would have moved it further
    the same way, by up to twice what it moved, they explain it too.
    """
    if alarm.explained is None:
        return False
    size = alarm.observed - alarm.baseline
    too_far = 1 < alarm.explained / size <= _TOO_FAR if size else False
    return abs(size - alarm.explained) <= alarm.tolerance or too_far
