"""What an author should know of a valid scenario: too little time to learn, changes that are none by declaration."""

import math
from collections.abc import Iterator

import numpy as np

from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Kind, SignalSpec
from homeostat.streams.scenarios.effects_format import Canary, Change, Impact, Pattern
from homeostat.streams.scenarios.figures import figures_of
from homeostat.streams.scenarios.match import cells_of_scope
from homeostat.streams.scenarios.policy_of import build_policy
from homeostat.streams.scenarios.scenario import Scenario
from homeostat.streams.scenarios.sessions import expect_sessions

DAY_S = 86_400.0
_ERRORS = 3.0
"""A sealed bound is about so many standard errors, and as many counts, off its mean."""
_FEW = 60
"""Sessions of a cohort after an onset with which little can be noticed."""


def advise_author(scenario: Scenario) -> Iterator[str]:
    """Warnings as `field: what may not come out as meant`; the scenario runs all the same."""
    policy = build_policy(scenario)
    yield from _advise_times(scenario, policy)
    yield from _advise_scopes(scenario)
    specs = {spec.name: spec for spec in policy.signals}
    parts: list[tuple[str, Change | Canary]] = [(f"changes[{n}]", change) for n, change in enumerate(scenario.changes)]
    parts += [(f"rollouts[{n}]", canary) for n, canary in enumerate(scenario.rollouts)]
    for at, impact in parts:
        yield from (f"{at}.at_day: {said}" for said in _find_young(impact, impact.at_day, specs))
        if scenario.truth and impact.signals and impact.population is None and not impact.crash_share:
            small = list(_find_small(impact, specs, scenario))
            if len(small) == len(impact.signals):
                yield f"{at}.signals: by declaration this is no change: {'; '.join(small)}"
                continue
            faint = list(_find_faint(impact, specs, scenario, policy.baseline.first_sessions))
            if faint and len(small) + len(faint) == len(impact.signals):
                yield f"{at}.signals: it may never be noticed: {'; '.join(faint)}"


def _advise_times(scenario: Scenario, policy: Policy) -> Iterator[str]:
    hourly = expect_sessions(scenario)
    cells = scenario.cells()
    for number, truth in enumerate(scenario.truth):
        day = truth.onset_day if truth.onset_day is not None else min(scenario.beginnings())
        concerned = [index for index, cell in enumerate(cells) if cell in cells_of_scope(truth.scope, scenario)]
        before, after = hourly[: int(day * 24)].sum(axis=0), hourly[int(day * 24) :].sum(axis=0)
        least = min(concerned, key=lambda index: before[index])
        needed = policy.baseline.first_sessions
        if before[least] < needed:
            yield (
                f"truth[{number}].onset_day: by day {day:g} {'/'.join(cells[least])} will have had about "
                f"{before[least]:.0f} sessions, and learns from its first {needed}: begin later, or "
                "policy: {baseline: {first_sessions: 100}}"
            )
        most = float(np.max(after[concerned]))
        if most < _FEW:
            yield f"truth[{number}].onset_day: about {most:.0f} sessions of a cohort are left: little can be noticed"


def _advise_scopes(scenario: Scenario) -> Iterator[str]:
    """Truths in places where nothing is declared to happen."""
    impacts: list[Change | Canary | Pattern] = [*scenario.changes, *scenario.rollouts, *scenario.patterns]
    places = [impact.where for impact in impacts]
    touched = {cell for cell in scenario.cells() if any(where.holds(*cell) for where in places)}
    for number, truth in enumerate(scenario.truth):
        if not touched & cells_of_scope(truth.scope, scenario):
            yield f"truth[{number}].scope: nothing that is declared happens there"


def _find_young(impact: Impact, at_day: float, specs: dict[str, SignalSpec]) -> Iterator[str]:
    """The signals whose answers come so late that their baseline has not begun, as sentences."""
    for name in impact.signals:
        age_s = specs[name].max_age_s or 0.0
        if specs[name].carrier is Carrier.FEEDBACK and at_day * DAY_S <= age_s:
            yield (
                f"the answers that carry {name} are waited for {age_s / DAY_S:g} days, and what is usual is learned "
                "from those after that: begin later"
            )


def _find_small(impact: Change | Canary, specs: dict[str, SignalSpec], scenario: Scenario) -> Iterator[str]:
    """The effects that move a signal's mean by less than its tolerance, as sentences."""
    for spec, size, _ in _list_sizes(impact, specs, scenario):
        if size <= spec.tolerance:
            yield f"{spec.name} moves by {size:.3f} on its scale from 0 to 1, its tolerance is {spec.tolerance:g}"


def _find_faint(
    impact: Change | Canary, specs: dict[str, SignalSpec], scenario: Scenario, learned: int
) -> Iterator[str]:
    """The effects on a yes or no that a baseline of so few sessions cannot tell from its own uncertainty."""
    for spec, size, usual in _list_sizes(impact, specs, scenario):
        if spec.kind is not Kind.BINARY or size <= spec.tolerance:
            continue
        open_ratio = _ERRORS * math.sqrt(usual * (1 - usual) / learned) + _ERRORS / learned
        if size <= spec.tolerance + open_ratio:
            yield (
                f"{spec.name} moves by {size:.3f}, its tolerance is {spec.tolerance:g}, and {learned} sessions leave "
                f"about {open_ratio:.3f} open of what was usual"
            )


def _list_sizes(
    impact: Change | Canary, specs: dict[str, SignalSpec], scenario: Scenario
) -> Iterator[tuple[SignalSpec, float, float]]:
    """By signal that has a mean: how far it moves on its scale from 0 to 1 over all sessions, and its usual mean."""
    share = impact.where.sessions_share * impact.where.clinicians_share
    for name, effect in impact.signals.items():
        spec, usual = specs[name], figures_of(specs[name], scenario).mean
        if spec.kind in {Kind.CATEGORICAL, Kind.EMBEDDING} or spec.carrier is Carrier.EXPOSURE:
            continue
        if effect.spread is not None or effect.shift_sd is not None or effect.missing is not None:
            continue
        moved = next((value for value in (effect.set, effect.rate, effect.mean) if value is not None), usual)
        moved = moved * (1.0 if effect.multiply is None else effect.multiply) + (effect.add or 0.0)
        yield spec, share * abs(_to_unit(spec, moved) - _to_unit(spec, usual)), usual


def _to_unit(spec: SignalSpec, value: float) -> float:
    return spec.model_copy(
        update={"kind": Kind.BOUNDED if spec.kind is Kind.BINARY else spec.kind, "clip": True}
    ).scale(value)
