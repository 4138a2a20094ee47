"""Natural spellings of a scenario's numbers, times and names."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from homeostat.streams.scenarios.scenario import FIRST_MONDAY

_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?) ?%")
_TIMES = re.compile(r"(?:[x×] ?)?(\d+(?:\.\d+)?) ?[x×]?")
_SPAN = re.compile(r"(?:day )?(\d+(?:\.\d+)?) ?(?:(d|days?)|(w|weeks?))?")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?")
_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_SPANS = ("days", "at_day", "until_day", "ramp_days", "onset_day")


def name_all(value: Any) -> Any:
    """A name, each of a list of names, or the names of a mapping, as names; `all` as it is."""
    match value:
        case str():
            return value if value == "all" else as_name(value)
        case list():
            return [as_name(each) if isinstance(each, str) else each for each in value]
        case dict():
            return {as_name(name) if isinstance(name, str) else name: weight for name, weight in value.items()}
        case _:
            return value


def as_name(text: str) -> str:
    """`Family Medicine` as a name: `family-medicine`; nothing of it left, the text as it is."""
    return _NO_NAME.sub("-", text.strip().lower()).strip("-_") or text


def is_open_age(age: Any) -> bool:
    """Whether it is the oldest age band, however it is written."""
    return age == 80 or (isinstance(age, str) and age.rstrip("+-") == "80")


def read_hours(given: Any) -> Any:
    """`22:00` and `22-6` as hours of the day."""
    if isinstance(given, str):
        given = [part.strip() for part in given.split("-")]
    return [_read_hour(each) for each in given] if isinstance(given, list) else given


def _read_hour(given: Any) -> Any:
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    return given if found is None else int(found[1]) + int(found[2] or 0) / 60


def first_day(told: Mapping[str, Any]) -> date:
    """The date of a scenario's first day."""
    start = told.get("start", FIRST_MONDAY)
    try:
        return start if isinstance(start, date) else date.fromisoformat(str(start))
    except ValueError:
        return FIRST_MONDAY


def read_dates(given: Any, first: date) -> Any:
    """Dates as days since the first one, but for the field `start`."""
    if isinstance(given, dict):
        return {name: value if name == "start" else read_dates(value, first) for name, value in given.items()}
    if isinstance(given, list):
        return [read_dates(value, first) for value in given]
    return (given - first).days if type(given) is date else given


def read_spans(given: dict[str, Any]) -> dict[str, Any]:
    """`day 28`, `10 days` and `6 weeks` as days."""
    found = {name: _SPAN.fullmatch(given[name]) for name in _SPANS if isinstance(given.get(name), str)}
    read = {name: float(span[1]) * (7 if span[3] else 1) for name, span in found.items() if span is not None}
    return {**given, **read}


def read_times(given: Any) -> Any:
    """`1.9x` is 1.9."""
    found = _TIMES.fullmatch(given) if isinstance(given, str) else None
    return given if found is None else float(found[1])


def read_percents(given: Any) -> Any:
    """`30%` is 0.3, wherever it stands."""
    if isinstance(given, dict):
        return {name: read_percents(value) for name, value in given.items()}
    if isinstance(given, list):
        return [read_percents(value) for value in given]
    found = _PERCENT.fullmatch(given) if isinstance(given, str) else None
    return given if found is None else float(found[1]) / 100
