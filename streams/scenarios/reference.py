"""The reference of docs/scenarios.md, written from the models: tables of fields, and of what is usual for signals."""

from collections.abc import Iterable, Iterator
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from homeostat.schemas.base import Part
from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.signal import Direction, Kind, Role, SignalSpec
from homeostat.streams.scenarios.effects_format import (
    Canary,
    Change,
    Dirty,
    Effect,
    FeedbackChange,
    Pattern,
    Population,
    Steps,
)
from homeostat.streams.scenarios.figures import usual_depends, usual_figures
from homeostat.streams.scenarios.places import Where
from homeostat.streams.scenarios.scenario import WORKFLOWS, Clusters, Cycle, Feedback, Scenario, Usual
from homeostat.streams.scenarios.truth_format import Scope, Truth

SECTIONS: tuple[tuple[str, type[Part]], ...] = (
    ("The scenario", Scenario),
    ("`cycle`", Cycle),
    ("`clusters`", Clusters),
    ("`feedback`", Feedback),
    ("`signals` at the top: what is usual", Usual),
    ("`where`", Where),
    ("One of `changes`", Change),
    ("An effect on one signal", Effect),
    ("`steps`", Steps),
    ("`population`", Population),
    ("`feedback` of a change", FeedbackChange),
    ("`dirty`", Dirty),
    ("One of `patterns`", Pattern),
    ("One of `rollouts`", Canary),
    ("One of `truth`", Truth),
    ("`scope`", Scope),
)
_HARMFUL = {Direction.UP: "more", Direction.DOWN: "less", Direction.BOTH: "neither"}


def write_fields() -> str:
    """A Markdown table for each part of the YAML: field, what it takes, what it is when left out, what it means."""
    return "\n".join(f"### {title}\n\n{_write_model(model)}" for title, model in SECTIONS)


def write_signals() -> str:
    """A Markdown table for each runtime: its signals, and what is usual for them."""
    return "\n".join(_write_runtime(runtime) for runtime in Runtime)


def _write_model(model: type[Part]) -> str:
    rows = [
        f"| `{field.alias or name}` | {_say_type(field.annotation, field)} | {_say_default(field)} "
        f"| {field.description} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join(["| field | takes | left out | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _say_default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, "") or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, dict):
        return ", ".join(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else f"`{value}`" if isinstance(value, str) else str(value)


def _say_type(kind: Any, field: FieldInfo | None = None) -> str:
    origin = get_origin(kind)
    if origin is Annotated:
        return _say_type(get_args(kind)[0])
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in get_args(kind))
    if origin in {UnionType, Union}:
        return " or ".join(_say_type(inner) for inner in get_args(kind) if inner is not type(None))
    if origin is tuple:
        inner = get_args(kind)
        return f"list of {_say_type(inner[0])}" if Ellipsis in inner else f"list of {len(inner)} {_say_type(inner[0])}s"
    if origin is dict:
        return f"mapping of name to {_say_type(get_args(kind)[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{word.value}`" for word in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "a mapping, see below"
    bounds = "" if field is None else _say_bounds(field)
    return {int: "whole number", float: "number", str: "text", bool: "true or false"}.get(kind, _word(kind)) + bounds


def _word(kind: Any) -> str:
    return "anything" if kind is Any else getattr(kind, "__name__", "text")


def _say_bounds(field: FieldInfo) -> str:
    low: float | None = None
    high: float | None = None
    for limit in field.metadata:
        low = getattr(limit, "ge", getattr(limit, "gt", low))
        high = getattr(limit, "le", getattr(limit, "lt", high))
    if low is None and high is None:
        return ""
    return f", {low:g} or more" if high is None else f", {0 if low is None else low:g} to {high:g}"


def _write_runtime(runtime: Runtime) -> str:
    head = (
        "| signal | family | kind, range | carried by | harmful | role | tolerance | usual mean | sd | depends on |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    specs = {spec.name: spec for spec in signals_of(runtime)}
    rows = "".join(f"| {' | '.join(_tell(spec, specs, runtime))} |\n" for spec in specs.values())
    steps = next((spec.steps for spec in specs.values() if spec.steps), ())
    said = f"Its workflow, where none is given, is `{WORKFLOWS[runtime]}`; its steps, in order, are {_quote(steps)}."
    return f"### {runtime.value}\n\n{head}{rows}\n{said}\n"


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tell(spec: SignalSpec, specs: dict[str, SignalSpec], runtime: Runtime) -> Iterator[str]:
    usual = usual_figures(spec, runtime)
    yield f"`{spec.name}`"
    yield spec.family.value
    ranged = spec.kind in {Kind.BOUNDED, Kind.POSITIVE, Kind.COUNT}
    limit = "" if spec.limit is None else f", limit {spec.limit:g}"
    yield spec.kind.value + (f", {spec.low:g} to {spec.high:g}" if ranged else "") + limit
    yield spec.carrier.value
    yield _HARMFUL[spec.direction]
    yield spec.role.value
    yield f"{spec.tolerance:g}"
    shares = ", ".join(f"{name} {share:.2g}" for name, share in usual.shares.items())
    quiet = spec.kind is Kind.EMBEDDING
    yield shares or ("–" if quiet else "never" if spec.role is Role.NEVER else f"{usual.mean:g}")
    yield "–" if not usual.sd else f"{usual.sd:g}"
    yield ", ".join(f"{name} {c:+g}" for name, c in usual_depends(spec, specs, runtime).items()) or "–"
