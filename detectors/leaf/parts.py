"""Parts of the week: which baseline an hour belongs to."""

import math
from typing import Final

from homeostat.schemas.policy import Calendar, PartOfWeek

HOURS: Final = 168
HOUR_MS: Final = 3_600_000
_EPOCH_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday; Monday is 0."""
_SATURDAY: Final = 5


def number_hours(calendar: Calendar) -> tuple[int, ...]:
    """The part of each hour of the week that began with the epoch; parts are numbered as they are first used.

    >>> number_hours(Calendar())[:3], len(number_hours(Calendar()))
    ((0, 0, 0), 168)
    >>> night = Calendar(parts=(PartOfWeek(name="night", from_hour=22, to_hour=6),))
    >>> number_hours(night)[4:8]
    (0, 0, 1, 1)
    """
    numbers: dict[int, int] = {}
    found = (_find_part(calendar, hour) for hour in range(HOURS))
    return tuple(numbers.setdefault(part, len(numbers)) for part in found)


def _find_part(calendar: Calendar, hour_utc: int) -> int:
    """The place of the first part that an hour is in, by its middle; the number of parts for none."""
    local = (hour_utc + 0.5 + calendar.utc_offset_h) % HOURS
    day, hour = divmod(math.floor(local), 24)
    weekday = (day + _EPOCH_WEEKDAY) % 7
    return next(
        (place for place, part in enumerate(calendar.parts) if _holds(part, weekday, hour)), len(calendar.parts)
    )


def _holds(part: PartOfWeek, weekday: int, hour: int) -> bool:
    if part.days != "all" and (part.days == "weekend") != (weekday >= _SATURDAY):
        return False
    if part.from_hour < part.to_hour:
        return part.from_hour <= hour < part.to_hour
    return hour >= part.from_hour or hour < part.to_hour
