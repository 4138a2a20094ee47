"""The policy of a scenario: its runtime's registry, times for weeks of log time, and what the YAML says otherwise."""

from collections.abc import Mapping
from typing import Any

from homeostat.schemas.cohort import WATCHED_PARENTS, Layer
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.registries.catalogue import signals_of
from homeostat.schemas.signal_columns import expand_signals
from homeostat.streams.scenarios.scenario import Scenario

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
_SIDES = 2
_ARMS_ON_TRIAL = 3
_TIMES = {
    "tick_s": HOUR_S,
    "bucket_s": 4 * HOUR_S,
    "session_s": 2 * HOUR_S,
    "lease_ttl_s": 6 * HOUR_S,
    "clock_skew_s": 60.0,
    "data_step_s": DAY_S,
    "max_ahead_s": 300.0,
    "source_timeout_s": 12 * HOUR_S,
}
_CORRELATION_WINDOW_S = 3 * DAY_S


def build_policy(scenario: Scenario) -> Policy:
    """The policy that the scenario runs under. Raises ValueError or `DocumentInvalid` for parts that do not fit."""
    parts = dict(scenario.policy)
    signals = _merge_signals(scenario, parts.pop("signals", {}))
    told = _merge(_usual(scenario, signals), parts)
    return Policy.model_validate({**told, "signals": signals})


def _usual(scenario: Scenario, signals: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "scenario",
        "times": _TIMES,
        "budget": {"false_alarms_per_week": 1.0, "expected_monitors": _count_monitors(scenario, signals)},
        "dedupe": {"window_s": DAY_S},
        "correlation_window_s": _CORRELATION_WINDOW_S,
        "partitions": 1,
    }


def _count_monitors(scenario: Scenario, signals: list[dict[str, Any]]) -> int:
    """Cohorts × columns × two sides: the leaves, in every arm where there is a rollout, and the watched parents."""
    probe = Policy.model_validate({"signals": signals})
    leaves = len(scenario.cells()) * (_ARMS_ON_TRIAL if scenario.rollouts else 1)
    sizes = {Layer.TENANT: len(scenario.tenants), Layer.SPECIALTY: len(scenario.specialties), Layer.PLATFORM: 1}
    parents = sum(sizes.get(layer, 1) for layer in WATCHED_PARENTS)
    return (leaves + parents) * len(expand_signals(probe.signals)) * _SIDES


def _merge_signals(scenario: Scenario, given: Any) -> list[dict[str, Any]]:
    found = {spec.name: spec.model_dump() for spec in signals_of(scenario.runtime)}
    if isinstance(given, Mapping):
        changes = {name: dict(part) if isinstance(part, Mapping) else part for name, part in given.items()}
    elif isinstance(given, list):
        changes = {str(part.get("name")): dict(part) for part in given if isinstance(part, Mapping)}
    else:
        raise DocumentInvalid("signals: a mapping from a signal's name to what is different, or a list of signals")
    for name, part in changes.items():
        if not isinstance(part, dict):
            raise DocumentInvalid(f"signals.{name}: give its fields, such as {{tolerance: 0.1}}")
        found[name] = {**found.get(name, {"name": name}), **part}
    return list(found.values())


def _merge(usual: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(usual)
    for name, value in given.items():
        held = merged.get(name)
        merged[name] = _merge(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return merged
