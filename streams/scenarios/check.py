"""Checks that need more than one field: names that must be declared, days within the scenario, effects that fit."""

import difflib
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.registries.catalogue import Runtime
from homeostat.schemas.signal import Carrier, Kind, SignalSpec, Source
from homeostat.schemas.signal_columns import UNSEEN, categories_of
from homeostat.streams.scenarios.effects_format import Effect, Effects, Impact
from homeostat.streams.scenarios.figures import depends_of
from homeostat.streams.scenarios.places import Places, Where
from homeostat.streams.scenarios.policy_of import build_policy
from homeostat.streams.scenarios.scenario import Scenario, Usual
from homeostat.streams.scenarios.sessions import expect_sessions

_NUMBERS = frozenset({"mean", "multiply", "add", "shift_sd", "spread", "set", "missing"})
_FITTING = {
    Kind.BINARY: frozenset({"rate", "mean", "multiply", "add", "shift_sd", "set", "missing"}),
    Kind.CATEGORICAL: frozenset({"categories", "missing"}),
    Kind.EMBEDDING: frozenset({"shift_sd", "missing"}),
}
_CHANCES = frozenset({Source.MISSING_STEPS, Source.STEP_ORDER, Source.TOOL_FAILURES})
MAX_SESSIONS = 1_000_000
"""More would take hours, and gigabytes."""


def check_names(scenario: Scenario) -> Iterator[str]:
    """Every error that the models alone cannot see, as `field: what is wrong and what would be right`."""
    policy = _find_policy(scenario)
    if isinstance(policy, tuple):
        yield from policy
        return
    specs = {spec.name: spec for spec in policy.signals}
    yield from _check_top(scenario, specs)
    for index, pattern in enumerate(scenario.patterns):
        yield from _check_effects(f"patterns[{index}].signals", pattern.signals, specs)
        yield from _check_where(f"patterns[{index}].where", pattern.where, scenario)
    for index, change in enumerate(scenario.changes):
        at = f"changes[{index}]"
        yield from _check_impact(at, change, scenario, specs)
        yield from _check_where(f"{at}.where", change.where, scenario)
        yield from _check_day(f"{at}.at_day", change.at_day, scenario)
        yield from _check_words(f"{at}.dirty.wrong_units", change.dirty.wrong_units, specs)
    for index, canary in enumerate(scenario.rollouts):
        at = f"rollouts[{index}]"
        yield from _check_impact(at, canary, scenario, specs)
        yield from _check_where(f"{at}.where", canary.where, scenario)
        yield from _check_day(f"{at}.at_day", canary.at_day, scenario)
        yield from _check_words(f"{at}.guardrails", canary.guardrails, specs)
        if canary.where.model_dump(exclude=set(Places.model_fields)) != Where().model_dump(
            exclude=set(Places.model_fields)
        ):
            yield f"{at}.where: a rollout has tenants, specialties and workflows; cut finer with a change"
    for index, truth in enumerate(scenario.truth):
        yield from _check_places(f"truth[{index}].scope", truth.scope, scenario)
        if truth.onset_day is not None:
            yield from _check_day(f"truth[{index}].onset_day", truth.onset_day, scenario)
        elif len(scenario.beginnings()) != 1:
            yield f"truth[{index}].onset_day: is missing; it can be left out only where all changes share one at_day"


def _find_policy(scenario: Scenario) -> Policy | tuple[str, ...]:
    """The policy, or what is wrong with it."""
    try:
        return build_policy(scenario)
    except ValidationError as error:
        rows = error.errors()
        places = [".".join(("policy", *map(str, row["loc"]))) for row in rows]
        said = [row["msg"].removeprefix("Value error, ") for row in rows]
        return tuple(f"{place}: {line}" for place, line in zip(places, said, strict=True))
    except (ValueError, DocumentInvalid) as error:
        return (f"policy: {' '.join(str(error).split())}",)


def _check_top(scenario: Scenario, specs: dict[str, SignalSpec]) -> Iterator[str]:
    if len(set(scenario.tenants)) != len(scenario.tenants):
        yield "tenants: a name is there twice"
    if scenario.data == "aci-bench" and scenario.runtime is not Runtime.SCRIBE:
        yield "data: aci-bench has notes, which only the scribe writes: runtime: scribe, or data: simulated"
    yield from _check_words("start_up", scenario.start_up, scenario.tenants, "tenant")
    yield from _check_words("signals", scenario.signals, specs)
    yield from _check_words("dirty.wrong_units", scenario.dirty.wrong_units, specs)
    yield from _check_depends(scenario, specs)
    for name, usual in scenario.signals.items():
        if name in specs:
            yield from _check_usual(f"signals.{name}", usual, specs[name])
    if isinstance(scenario.sessions_per_day, dict):
        yield from _check_volumes(scenario.sessions_per_day, scenario)
    expected = expect_sessions(scenario).sum()
    if expected > MAX_SESSIONS:
        yield f"sessions_per_day: about {expected:.0f} sessions in all: at most {MAX_SESSIONS}, or it takes hours"


def _check_depends(scenario: Scenario, specs: dict[str, SignalSpec]) -> Iterator[str]:
    for name, sources in scenario.depends.items():
        yield from _check_words("depends", (name,), specs)
        yield from _check_words(f"depends.{name}", sources, specs)
        if name in sources:
            yield f"depends.{name}: a signal cannot depend on itself"
        if sum(c * c for c in sources.values()) > 0.95:
            yield f"depends.{name}: the squares of its coefficients add up to more than 0.95"
    links = {name: set(sources) for name, sources in depends_of(specs, scenario).items()}
    try:
        TopologicalSorter(links).prepare()
    except CycleError as error:
        yield f"depends: signals depend on each other in a circle: {', '.join(error.args[1])}"


def _check_usual(at: str, usual: Usual, spec: SignalSpec) -> Iterator[str]:
    if spec.carrier is Carrier.EXPOSURE:
        yield f"{at}: gateways report it, no trace carries it: use crash_share"
    if usual.mean is not None and not spec.low <= usual.mean <= spec.high:
        yield f"{at}.mean: {usual.mean:g} is outside the signal's range, {spec.low:g} to {spec.high:g}"
    if usual.categories is not None and spec.kind is not Kind.CATEGORICAL:
        yield f"{at}.categories: it is a {spec.kind} signal: give mean and sd"
    if usual.mean is not None and spec.kind in {Kind.CATEGORICAL, Kind.EMBEDDING}:
        yield f"{at}.mean: it is {spec.kind}: it has no mean"


def _check_volumes(volumes: dict[str, float], scenario: Scenario) -> Iterator[str]:
    known = {"default", *scenario.tenants, *scenario.specialties}
    known |= {f"{t}/{s}" for t, s, _ in scenario.cells()} | {"/".join(cell) for cell in scenario.cells()}
    yield from _check_words("sessions_per_day", volumes, known, "tenant, specialty or tenant/specialty")


def _check_impact(at: str, impact: Impact, scenario: Scenario, specs: dict[str, SignalSpec]) -> Iterator[str]:
    yield from _check_effects(f"{at}.signals", impact.signals, specs)
    if impact.population is not None and scenario.data != "aci-bench":
        yield f"{at}.population: simulated scenarios draw no notes: data: aci-bench, or change signals"
    declared = {step for spec in specs.values() for step in spec.steps}
    yield from _check_words(f"{at}.steps.skip", impact.steps.skip, declared, "step")


def _check_effects(at: str, effects: Effects, specs: dict[str, SignalSpec]) -> Iterator[str]:
    yield from _check_words(at, effects, specs)
    for name, effect in effects.items():
        if name in specs:
            yield from _check_effect(f"{at}.{name}", effect, specs[name])


def _check_effect(at: str, effect: Effect, spec: SignalSpec) -> Iterator[str]:
    if spec.carrier is Carrier.EXPOSURE:
        yield f"{at}: gateways report it, no trace carries it: use crash_share"
        return
    given = {name for name, value in effect if value is not None}
    kind = Kind.BINARY if spec.source in _CHANCES else spec.kind
    fitting = _FITTING.get(kind, _NUMBERS)
    for name in sorted(given - fitting):
        what = f"signal from {spec.source}" if spec.source in _CHANCES else f"{spec.kind} signal"
        yield f"{at}.{name}: does not fit a {what}: {', '.join(sorted(fitting))} do"
    if effect.categories is not None and spec.source is not Source.SIGNAL:
        known = categories_of(spec)
        words = {word.strip("-") for word in effect.categories}
        yield from _check_words(f"{at}.categories", words, known, "band")
    if effect.categories is not None and UNSEEN in effect.categories and spec.source is Source.SIGNAL:
        yield f"{at}.categories: name the category that was never seen, such as `new-payer`, instead of '{UNSEEN}'"
    for name in ("mean", "set"):
        value = getattr(effect, name)
        if value is not None and not spec.low <= value <= spec.high:
            yield f"{at}.{name}: {value:g} is outside the signal's range, {spec.low:g} to {spec.high:g}"


def _check_where(at: str, where: Where, scenario: Scenario) -> Iterator[str]:
    yield from _check_places(at, where, scenario)
    yield from _check_words(f"{at}.ages", [age.strip("-") for age in where.ages], _AGES, "age band")
    yield from _check_words(f"{at}.sexes", where.sexes, _SEXES, "sex band")


_AGES = ("0-17", "18-39", "40-64", "65-79", "80", "unknown")
_SEXES = ("female", "male", "other", "unknown")


def _check_places(at: str, places: Places, scenario: Scenario) -> Iterator[str]:
    yield from _check_words(f"{at}.tenants", places.tenants, scenario.tenants, "tenant")
    yield from _check_words(f"{at}.specialties", places.specialties, scenario.specialties, "specialty")
    yield from _check_words(f"{at}.workflows", places.workflows, scenario.workflows, "workflow")
    if not any(places.holds(*cell) for cell in scenario.cells()):
        yield f"{at}: no tenant × specialty × workflow of the scenario is in it"


def _check_day(at: str, day: float, scenario: Scenario) -> Iterator[str]:
    if day >= scenario.days:
        yield f"{at}: day {day:g} is not within the scenario's {scenario.days:g} days"


def _check_words(at: str, words: Iterable[str], known: Iterable[str], kind: str = "signal") -> Iterator[str]:
    names = sorted(known)
    for word in words:
        if word not in names:
            near = difflib.get_close_matches(word, names, 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else f"declared are {', '.join(names[:60])}"
            yield f"{at}: there is no {kind} '{word}': {hint}"
