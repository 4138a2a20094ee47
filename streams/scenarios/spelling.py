"""Natural spellings of a scenario's fields and words, put as the format has them, before it is checked."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from homeostat.streams.scenarios.scenario import FIRST_MONDAY

_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?) ?%")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?")
_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_EVERYBODY = frozenset({"all", "platform", "everywhere", "everybody", "everyone", "global"})

_TOP = {
    "description": "says",
    "title": "says",
    "summary": "says",
    "registry": "runtime",
    "clinic": "tenants",
    "clinics": "tenants",
    "tenant": "tenants",
    "specialty": "specialties",
    "workflow": "workflows",
    "duration_days": "days",
    "length_days": "days",
    "expected": "truth",
    "truths": "truth",
    "change": "changes",
    "rollout": "rollouts",
    "pattern": "patterns",
}
_PERIOD = {
    "at": "at_day",
    "day": "at_day",
    "from_day": "at_day",
    "start_day": "at_day",
    "onset_day": "at_day",
    "to_day": "until_day",
    "end_day": "until_day",
    "ramp": "ramp_days",
    "crash": "crash_share",
    "crashes": "crash_share",
    "signal": "signals",
}
_EFFECT = {
    "factor": "multiply",
    "times": "multiply",
    "multiply_by": "multiply",
    "scale": "multiply",
    "increase": "add",
    "chance": "rate",
    "probability": "rate",
    "to": "mean",
    "becomes": "mean",
}
_WHERE = {
    "clinic": "tenants",
    "clinics": "tenants",
    "age": "ages",
    "sex": "sexes",
    "hour": "hours",
    "clinicians": "clinicians_share",
    "sessions": "sessions_share",
}
_TRUTH = {
    "classes": "class",
    "type": "class",
    "kind": "class",
    "onset": "onset_day",
    "at_day": "onset_day",
    "next": "next_step",
    "where": "scope",
}
_FEEDBACK = {"delay": "delay_h", "delay_hours": "delay_h"}
_DIRTY = {"duplicates": "duplicate", "duplicated": "duplicate"}
_PLACES = ("tenant", "tenants", "specialty", "specialties", "workflow", "workflows", "arm", "arms")
_WORDS: Mapping[str, Mapping[Any, str]] = MappingProxyType(
    {
        "harm": {
            "harmful": "dangerous",
            "danger": "dangerous",
            "harmless": "benign",
            "good": "beneficial",
            "unknown": "undetermined",
        },
        "next_step": {"rollback": "roll_back", "check_config": "check_configuration", "incident": "open_incident"},
        "artifact": {
            "prompt": "prompt_pack",
            "retrieval": "retrieval_index",
            "tools": "tool_contracts",
            "routing": "routing_rules",
            "policy": "safety_policy",
        },
        "days": {"weekends": "weekend", "weekday": "weekdays"},
        "sexes": {"women": "female", "men": "male"},
        "cycle": {"office": "office_hours", "24/7": "round_the_clock", "24h": "round_the_clock"},
        "release": {True: "new", False: "none"},
    }
)
_Spelling = Callable[[dict[str, Any]], dict[str, Any]]


def spell_scenario(given: Mapping[str, Any]) -> dict[str, Any]:
    """Put synonyms of fields and words as the format has them; what is not known is left for the check to refuse.

    A synonym beside the field that it stands for is left too: one of them is a mistake. `30%` is 0.3, a date is the
    day since the scenario's first one.

    >>> spell_scenario({"changes": [{"day": 28, "signals": {"latency_s": {"factor": 2}}}]})
    {'changes': [{'at_day': 28, 'signals': {'latency_s': {'multiply': 2}}}]}
    """
    told = _rename(_read_percents(dict(given)), _TOP)
    if "says" in told:
        told = {name: value for name, value in told.items() if name not in _names_of("says", _TOP)}
    if "weeks" in told and "days" not in told and isinstance(told["weeks"], int | float):
        told["days"] = 7 * told.pop("weeks")
    told = _read_dates(told, _first_day(told))
    if isinstance(told.get("tenants"), dict) and "sessions_per_day" not in told:
        told["sessions_per_day"] = told["tenants"]
        told["tenants"] = list(told["tenants"])
    told = {name: _name_all(value) if name in _PLACES else value for name, value in told.items()}
    _replace(told, "cycle")
    _apply(told, "feedback", _spell_feedback)
    _apply(told, "dirty", lambda part: _rename(part, _DIRTY))
    _apply(told, "changes", _spell_change)
    _apply(told, "rollouts", _spell_change)
    _apply(told, "patterns", _spell_change)
    _apply(told, "truth", _spell_truth)
    if "truth" in told:
        told["truth"] = _leave_out_none(told["truth"])
    return told


def _spell_change(given: dict[str, Any]) -> dict[str, Any]:
    told = _fold_places(_rename(given, _PERIOD), "where")
    told.setdefault("where", {})
    told["where"] = _spell_where(told["where"])
    if not told["where"]:
        del told["where"]
    for name in ("artifact", "release"):
        _replace(told, name)
    volume = told.get("volume")
    if isinstance(volume, dict) and len(volume) == 1 and set(volume) <= {"multiply", *_names_of("multiply", _EFFECT)}:
        told["volume"] = next(iter(volume.values()))
    _apply(told, "feedback", _spell_feedback)
    _apply(told, "dirty", lambda part: _rename(part, _DIRTY))
    if isinstance(told.get("signals"), dict):
        rows = told["signals"].items()
        told["signals"] = {name: _rename(row, _EFFECT) if isinstance(row, dict) else row for name, row in rows}
    return told


def _spell_truth(given: dict[str, Any]) -> dict[str, Any]:
    told = _fold_places(_rename(given, _TRUTH), "scope")
    if "scope" in told:
        told["scope"] = _spell_where(told["scope"])
    if told.get("also") in ("none", "nothing", None):
        told.pop("also", None)
    for name in ("harm", "next_step"):
        _replace(told, name)
    return told


def _leave_out_none(truth: Any) -> Any:
    """A truth of class `none` says that nothing must be raised."""
    rows = truth if isinstance(truth, list) else [truth]
    kept = [row for row in rows if not (isinstance(row, dict) and row.get("class") in ("none", "nothing", "no_drift"))]
    return truth if len(kept) == len(rows) else kept


def _spell_where(given: Any) -> Any:
    """Places as text (`clinic-2`, `clinic-2/cardiology`), women and men, `22:00`, `22-6`, `80+`."""
    if isinstance(given, str):
        if given.strip().lower() in _EVERYBODY:
            return {}
        parts = given.split("/")
        if len(parts) > 3 or not all(parts):
            return given
        return {name: _name(part) for name, part in zip(_PLACES[::2], parts, strict=False)}
    if not isinstance(given, dict):
        return given
    told = _rename(given, _WHERE)
    told = {name: _name_all(value) if name in _PLACES else value for name, value in told.items()}
    if "ages" in told:
        ages = told["ages"] if isinstance(told["ages"], list) else [told["ages"]]
        told["ages"] = [f"{str(age).rstrip('+-')}-" if _is_open(age) else age for age in ages]
    if isinstance(told.get("sexes"), str):
        told["sexes"] = [told["sexes"]]
    if "hours" in told:
        told["hours"] = _read_hours(told["hours"])
    for name in ("days", "sexes"):
        _replace(told, name)
    return told


def _spell_feedback(given: dict[str, Any]) -> dict[str, Any]:
    told = _rename(given, _FEEDBACK)
    days = told.get("delay_days")
    if isinstance(days, int | float) and "delay_h" not in told:
        told["delay_h"] = 24 * told.pop("delay_days")
    return told


def _rename(given: dict[str, Any], synonyms: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in given.items():
        meant = synonyms.get(name, name)
        told[name if meant != name and (meant in given or meant in told) else meant] = value
    return told


def _names_of(meant: str, synonyms: Mapping[str, str]) -> set[str]:
    return {name for name, field in synonyms.items() if field == meant}


def _fold_places(given: dict[str, Any], field: str) -> dict[str, Any]:
    """`tenant: x` beside the other fields, where nothing says the place, is the place."""
    loose = {name: value for name, value in given.items() if name in _PLACES}
    if not loose or field in given:
        return given
    return {**{name: value for name, value in given.items() if name not in loose}, field: loose}


def _apply(told: dict[str, Any], name: str, spelling: _Spelling) -> None:
    """Spell a mapping, or each one of a list of them."""
    value = told.get(name)
    if isinstance(value, dict):
        told[name] = spelling(value)
    elif isinstance(value, list):
        told[name] = [spelling(each) if isinstance(each, dict) else each for each in value]


def _replace(told: dict[str, Any], name: str) -> None:
    """Put the word, or each word of a list, as the format has it."""
    value = told.get(name)
    if isinstance(value, list):
        told[name] = [_say_word(name, each) for each in value]
    elif isinstance(value, str | bool):
        told[name] = _say_word(name, value)


def _say_word(name: str, value: Any) -> Any:
    plain = value.strip().lower().replace(" ", "_").replace("-", "_") if isinstance(value, str) else value
    return _WORDS[name].get(plain, value) if isinstance(plain, str | bool) else value


def _name_all(value: Any) -> Any:
    match value:
        case str():
            return value if value == "all" else _name(value)
        case list():
            return [_name(each) if isinstance(each, str) else each for each in value]
        case dict():
            return {_name(name) if isinstance(name, str) else name: weight for name, weight in value.items()}
        case _:
            return value


def _name(text: str) -> str:
    """`Family Medicine` as a name: `family-medicine`; nothing of it left, the text as it is."""
    return _NO_NAME.sub("-", text.strip().lower()).strip("-_") or text


def _is_open(age: Any) -> bool:
    return age == 80 or (isinstance(age, str) and age.rstrip("+-") == "80")


def _read_hours(given: Any) -> Any:
    if isinstance(given, str):
        given = [part.strip() for part in given.split("-")]
    return [_read_hour(each) for each in given] if isinstance(given, list) else given


def _read_hour(given: Any) -> Any:
    found = _CLOCK.fullmatch(given) if isinstance(given, str) else None
    return given if found is None else int(found[1]) + int(found[2] or 0) / 60


def _first_day(told: Mapping[str, Any]) -> date:
    start = told.get("start", FIRST_MONDAY)
    try:
        return start if isinstance(start, date) else date.fromisoformat(str(start))
    except ValueError:
        return FIRST_MONDAY


def _read_dates(given: Any, first: date) -> Any:
    """Dates as days since the first one, but for the field `start`."""
    if isinstance(given, dict):
        return {name: value if name == "start" else _read_dates(value, first) for name, value in given.items()}
    if isinstance(given, list):
        return [_read_dates(value, first) for value in given]
    return (given - first).days if type(given) is date else given


def _read_percents(given: Any) -> Any:
    """`30%` is 0.3, wherever it stands."""
    if isinstance(given, dict):
        return {name: _read_percents(value) for name, value in given.items()}
    if isinstance(given, list):
        return [_read_percents(value) for value in given]
    found = _PERCENT.fullmatch(given) if isinstance(given, str) else None
    return given if found is None else float(found[1]) / 100
