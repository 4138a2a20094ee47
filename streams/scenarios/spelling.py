"""Natural spellings of a scenario's fields and words, put as the format has them, before it is checked."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from homeostat.streams.scenarios.spelled_values import (
    as_name,
    first_day,
    is_open_age,
    name_all,
    read_dates,
    read_hours,
    read_percents,
    read_spans,
    read_times,
)

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
    "gender": "sexes",
    "genders": "sexes",
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
    told = _rename(read_percents(dict(given)), _TOP)
    if "says" in told:
        told = {name: value for name, value in told.items() if name not in _names_of("says", _TOP)}
    if "weeks" in told and "days" not in told and isinstance(told["weeks"], int | float):
        told["days"] = 7 * told.pop("weeks")
    told = read_spans(read_dates(told, first_day(told)))
    if isinstance(told.get("tenants"), dict) and "sessions_per_day" not in told:
        told["sessions_per_day"] = told["tenants"]
        told["tenants"] = list(told["tenants"])
    told = {name: name_all(value) if name in _PLACES else value for name, value in told.items()}
    _replace(told, "cycle")
    _apply(told, "feedback", _spell_feedback)
    _apply(told, "dirty", lambda part: _rename(part, _DIRTY))
    named = _list_named(told)
    for part in ("changes", "rollouts", "patterns"):
        _apply(told, part, lambda given: _spell_change(given, named))
    _apply(told, "truth", lambda given: _spell_truth(given, named))
    if "truth" in told:
        told["truth"] = _leave_out_none(told["truth"])
    return told


def _spell_change(given: dict[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    told = read_spans(_fold_places(_rename(given, _PERIOD), "where"))
    told.setdefault("where", {})
    told["where"] = _spell_where(told["where"], named)
    if not told["where"]:
        del told["where"]
    for name in ("artifact", "release"):
        _replace(told, name)
    volume = told.get("volume")
    if isinstance(volume, dict) and len(volume) == 1 and set(volume) <= {"multiply", *_names_of("multiply", _EFFECT)}:
        volume = next(iter(volume.values()))
    if "volume" in told:
        told["volume"] = read_times(volume)
    _apply(told, "steps", _spell_steps)
    _apply(told, "feedback", _spell_feedback)
    _apply(told, "dirty", lambda part: _rename(part, _DIRTY))
    if isinstance(told.get("signals"), dict):
        rows = told["signals"].items()
        told["signals"] = {name: _spell_effect(row) if isinstance(row, dict) else row for name, row in rows}
    return told


def _spell_steps(given: dict[str, Any]) -> dict[str, Any]:
    """A list of skipped steps are those that are always skipped."""
    steps = given.get("skip")
    named = isinstance(steps, list) and all(isinstance(step, str) for step in steps)
    return {**given, "skip": dict.fromkeys(steps or (), 1)} if named else given


def _spell_effect(given: dict[str, Any]) -> dict[str, Any]:
    told = _rename(given, _EFFECT)
    return {**told, "multiply": read_times(told["multiply"])} if "multiply" in told else told


def _spell_truth(given: dict[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    told = read_spans(_fold_places(_rename(given, _TRUTH), "scope"))
    if "scope" in told:
        told["scope"] = _spell_where(told["scope"], named)
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


def _list_named(told: Mapping[str, Any]) -> dict[str, str]:
    """Which field of a place each declared specialty and workflow stands in, where no tenant has that name."""
    named = {}
    for field in ("workflows", "specialties", "tenants"):
        value = told.get(field)
        names = [value] if isinstance(value, str) else value if isinstance(value, list | dict) else []
        named.update({name: field for name in names if isinstance(name, str)})
    return named


def _spell_where(given: Any, named: Mapping[str, str]) -> Any:
    """Places as text or a list of it, women and men, `22:00`, `22-6`, `80+`."""
    if isinstance(given, str):
        return _read_place(given, named)
    if isinstance(given, list):
        return _read_places(given, named)
    if not isinstance(given, dict):
        return given
    told = _rename(given, _WHERE)
    told = {name: name_all(value) if name in _PLACES else value for name, value in told.items()}
    if "ages" in told:
        ages = told["ages"] if isinstance(told["ages"], list) else [told["ages"]]
        told["ages"] = [f"{str(age).rstrip('+-')}-" if is_open_age(age) else age for age in ages]
    if isinstance(told.get("sexes"), str):
        told["sexes"] = [told["sexes"]]
    if "hours" in told:
        told["hours"] = read_hours(told["hours"])
    for name in ("days", "sexes"):
        _replace(told, name)
    return told


def _read_place(given: str, named: Mapping[str, str]) -> Any:
    """`everywhere`, `clinic-2`, `cardiology` where that is a declared specialty, `clinic-2/cardiology`."""
    if given.strip().lower() in _EVERYBODY:
        return {}
    parts = given.split("/")
    if len(parts) > 3 or not all(parts):
        return given
    if len(parts) == 1:
        return {named.get(as_name(given), "tenants"): as_name(given)}
    return {name: as_name(part) for name, part in zip(_PLACES[::2], parts, strict=False)}


def _read_places(given: list[Any], named: Mapping[str, str]) -> Any:
    """Several tenants, specialties or workflows; of several kinds, as they are."""
    found: dict[str, list[str]] = {}
    for each in given:
        if not isinstance(each, str) or "/" in each:
            return given
        found.setdefault(named.get(as_name(each), "tenants"), []).append(as_name(each))
    return found if len(found) == 1 else given


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
