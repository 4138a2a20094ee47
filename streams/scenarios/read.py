"""Reads scenarios from YAML and checks them, with errors that say file, field and what would be right."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError

from homeostat.schemas.errors import DocumentInvalid
from homeostat.streams.scenarios.check import check_names
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.spelling import spell_scenario

_NEAR = 0.75
"""How alike a word must be to one that is known to be taken for it misspelt, from 0 to 1."""


class Found(NamedTuple):
    """One file: its scenario, or what is wrong with it."""

    path: Path
    scenario: Scenario | None
    errors: tuple[str, ...] = ()


def read_folder(path: Path) -> list[Found]:
    """Every .yaml or .yml file of a folder and the folders in it, by name; or one file. Raises `DocumentInvalid`."""
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
    else:
        raise DocumentInvalid(f"{path} does not exist: give a folder of scenarios, or one file")
    if not files:
        raise DocumentInvalid(f"{path} holds no .yaml file: a scenario is one such file")
    found = [read_file(file) for file in files]
    return list(_refuse_twins(found))


def read_file(path: Path) -> Found:
    """Read one scenario."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return Found(path, None, (f"{path}: cannot be read as YAML: {' '.join(str(error).split())}",))
    if not isinstance(given, dict):
        return Found(path, None, (f"{path}: a scenario is a mapping of fields (name, tenants, changes, truth, ...)",))
    given = {"name": _slug(path.stem), **spell_scenario(given)}
    try:
        scenario = Scenario.model_validate(given)
    except ValidationError as error:
        return Found(path, None, tuple(f"{path}: {line}" for line in _explain(error)))
    errors = tuple(f"{path}: {line}" for line in check_names(scenario))
    return Found(path, None if errors else scenario, errors)


def _refuse_twins(found: Iterable[Found]) -> Iterator[Found]:
    names: dict[str, Path] = {}
    for each in found:
        if each.scenario is None:
            yield each
            continue
        first = names.setdefault(each.scenario.name, each.path)
        if first != each.path:
            line = f"{each.path}: name: {each.scenario.name} is already the name of {first}: give it another"
            yield Found(each.path, None, (line,))
        else:
            yield each


def _slug(stem: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in stem.lower()).strip("-_")[:64] or "scenario"


def _explain(error: ValidationError) -> Iterator[str]:
    """Where a value may be of several types, only what is wrong with it in its own type is said."""
    lines: dict[str, dict[str, bool]] = {}
    for item in error.errors():
        said = lines.setdefault(_place(item["loc"]), {})
        said[_say(item)] = item["type"].endswith("_type")
    for place, said in lines.items():
        in_its_type = [line for line, of_other_type in said.items() if not of_other_type]
        yield from (f"{place}: {line}" for line in in_its_type or list(said)[:1])


def _place(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif not part.startswith(("function-", "tuple[", "dict[", "literal[", "constrained-", "float", "int")):
            text += f".{part}" if text else part
    return text or "the scenario"


def _say(item: Any) -> str:
    kind, given = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return f"unknown field{_suggest(str(item['loc'][-1]), _fields_at(item['loc'][:-1]))}"
    if kind == "missing":
        return "is missing" + (": write `truth: []` if nothing must be raised" if item["loc"] == ("truth",) else "")
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        fields = ", ".join(sorted(_fields_at(item["loc"])))
        return f"takes a mapping: known here are {fields}" if fields else "takes a mapping of names to values"
    if isinstance(given, dict) and kind.startswith(("float", "int")):
        return "takes one number: whom it is about belongs in `where`"
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind in {"enum", "literal_error"} and isinstance(given, str):
        words = str(item.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
        return f"'{given}' is none of {', '.join(words)}{_suggest(given, words, plain=True)}"
    if kind == "string_pattern_mismatch":
        return f"'{given}' is no name: lowercase letters, digits, - and _, beginning and ending with a letter or digit"
    shown = "" if isinstance(given, dict | list) or kind == "value_error" else f" (given: {given!r})"
    return f"{message[:1].lower()}{message[1:]}{shown}"


def _suggest(word: str, known: Iterable[str], plain: bool = False) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(word, names, 1, _NEAR)
    if near:
        return f": did you mean {near[0]}?"
    return "" if plain or not names else f": known here are {', '.join(names)}"


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """The fields of the model at a place of the scenario; none where it cannot be told."""
    model: Any = Scenario
    for part in loc:
        if isinstance(part, int) or model is None:
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in fields:
            model = _model_in(fields[part].annotation)
    known = {} if model is None else model.model_fields
    return [field.alias or name for name, field in known.items()]


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
