"""What an inventory comes to: the budget, how it is spent, and what would be noticed, as one document."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from homeostat.detectors.budget import alarms_per_week
from homeostat.detectors.power import Delay, Settings, find_delay, find_shift, volume_needed
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Budget
from homeostat.schemas.signal import Direction, Role, SignalSpec
from homeostat.schemas.signal_columns import signal_of
from homeostat.streams.budget.inventory import Inventory, Waiting, Watch

NEVER = Delay(math.inf, math.inf)
LADDER = (1.0, 2.0, 4.0, 8.0)
_LAYERS = tuple(Layer)


class Question(NamedTuple):
    """What counts as useful power: a shift of so many tolerances noticed within so many days."""

    tolerances: float
    within_days: float


def assess(found: Inventory, question: Question) -> dict[str, Any]:
    """The whole answer. Infinite delays and shifts that nothing notices are None."""
    power = [_tell_power(watch, found, question) for watch in found.watches if _is_of_interest(watch)]
    return {
        "budget": _tell_budget(found.policy.budget),
        "monitors": _tell_monitors(found),
        "tenants": _tell_tenants(found),
        "baselines": _tell_baselines(found),
        "head_start": 0.0,
        "question": question._asdict(),
        "log_days": found.days,
        "signals": _tell_signals(power),
        "power": power,
        "too_small": _tell_small(power, found),
        "assumptions": found.assumptions,
    }


def _tell_budget(budget: Budget) -> dict[str, Any]:
    return {
        **budget.model_dump(mode="json"),
        "a_monitor_a_week": alarms_per_week(budget, Layer.LEAF),
        "a_monitor_across_tenants_a_week": alarms_per_week(budget, Layer.PLATFORM),
    }


def _tell_monitors(found: Inventory) -> dict[str, Any]:
    budget = found.policy.budget
    active, signals, waiting, cohorts = (
        Counter[Layer](),
        Counter[str](),
        Counter[str](),
        defaultdict[Layer, set[str]](set),
    )
    count_of: dict[str, int] = {}
    for watch in found.watches:
        active[watch.layer] += watch.alike
        signals[watch.column.name] += watch.alike
        cohorts[watch.layer].add(watch.cohort)
        count_of[watch.cohort] = watch.alike
    for each in found.waiting:
        waiting[each.column.name] += each.monitors
        cohorts[Layer.LEAF].add(each.cohort)
        count_of.setdefault(each.cohort, 1)
    expected, coming = sum(active.values()), sum(waiting.values())
    spent = {layer: active[layer] * alarms_per_week(budget, layer) for layer in _LAYERS}
    return {
        "declared": budget.expected_monitors,
        "active": expected,
        "collecting": coming,
        "holds": expected + coming <= budget.expected_monitors,
        "alarms_a_week_at_most": sum(spent.values()),
        "alarms_a_week_when_all_are_active": sum(spent.values()) + coming * alarms_per_week(budget, Layer.LEAF),
        "layers": [
            {
                "layer": layer.value,
                "cohorts": sum(count_of[cohort] for cohort in cohorts[layer]),
                "active": active[layer],
                "collecting": coming if layer is Layer.LEAF else 0,
                "alarms_a_week_at_most": spent[layer],
            }
            for layer in _LAYERS
            if active[layer] or (layer is Layer.LEAF and coming)
        ],
        "signals": [
            {"signal": name, "active": signals[name], "collecting": waiting[name]}
            for name in sorted({*signals, *waiting})
        ],
    }


def _tell_tenants(found: Inventory) -> dict[str, Any] | None:
    """The tenant with most monitors against its cap; None where the policy has none."""
    budget = found.policy.budget
    cap, expected = budget.false_alarms_per_week_per_tenant, budget.expected_monitors_per_tenant
    if cap is None or expected is None:
        return None
    monitors: Counter[str] = Counter()
    for watch in found.watches:
        if watch.tenant is not None:
            monitors[watch.tenant] += watch.alike
    for each in found.waiting:
        monitors[each.tenant] += each.monitors
    if "each" in monitors:
        monitors = Counter({"each tenant": monitors["each"] // max(found.tenants, 1)})
    tenant, most = monitors.most_common(1)[0] if monitors else ("none", 0)
    return {
        "cap_a_week": cap,
        "declared": expected,
        "largest": tenant,
        "largest_monitors": most,
        "holds": most <= expected,
        "alarms_a_week_at_most": most * alarms_per_week(budget, Layer.LEAF),
    }


def _tell_baselines(found: Inventory) -> dict[str, Any]:
    """Each bound may be wrong when it is sealed, and by what is learned after that: half of δ each."""
    delta = found.policy.budget.baseline_delta
    return {"delta": delta, "bounds": found.bounds, "expected_wrong": delta * found.bounds}


def _is_of_interest(watch: Watch) -> bool:
    return watch.column.direction in {Direction.BOTH, watch.direction}


def settings_of(watch: Watch, found: Inventory) -> Settings:
    """What the power of a monitor is computed with."""
    budget = found.policy.budget
    per_day = float(watch.sources.per_day.sum())
    weight = alarms_per_week(budget, watch.layer) * budget.alarm_threshold / 7.0
    return Settings(budget.alarm_threshold, weight, per_day if watch.steps_per_day is None else watch.steps_per_day)


def _tell_power(watch: Watch, found: Inventory, question: Question) -> dict[str, Any]:
    sources, settings, spec = watch.sources, settings_of(watch, found), watch.column
    per_day = float(sources.per_day.sum())
    mean = float((sources.mean * sources.per_day).sum() / per_day) if per_day else float(sources.mean.mean())
    now = find_delay(sources, settings, 0.0)
    smallest = find_shift(sources, settings, question.within_days)
    useful = question.tolerances * spec.tolerance
    delay = find_delay(sources, settings, useful) if useful <= sources.room else NEVER
    is_useful = delay.days <= question.within_days
    return {
        "layer": watch.layer.value,
        "cohort": watch.cohort,
        "count": watch.alike,
        "signal": spec.name,
        "role": spec.role.value,
        "direction": watch.direction.value,
        "sessions_a_day": per_day,
        "reference_sessions": watch.reference_sessions,
        "baseline": unscale(spec, mean),
        "tolerance": spec.tolerance,
        "alarms_as_it_is": math.isfinite(now.days),
        "smallest": None if smallest is None else _tell_shift(spec, watch.direction, mean, smallest),
        "sessions": _finite(delay.sessions),
        "days": _finite(delay.days),
        "ladder": [_tell_step(watch, settings, mean, step * spec.tolerance) for step in LADDER],
        "is_useful": is_useful,
        "sessions_a_day_needed": None if is_useful else volume_needed(sources, settings, useful, question.within_days),
    }


def _tell_step(watch: Watch, settings: Settings, mean: float, shift: float) -> dict[str, Any]:
    delay = find_delay(watch.sources, settings, shift) if shift <= watch.sources.room else NEVER
    told = _tell_shift(watch.column, watch.direction, mean, shift)
    return {**told, "sessions": _finite(delay.sessions), "days": _finite(delay.days)}


def _tell_shift(spec: SignalSpec, direction: Direction, mean: float, shift: float) -> dict[str, Any]:
    """A shift in tolerances, on [0, 1], and as the value of the signal that it leads to."""
    moved = min(max(mean + (shift if direction is Direction.UP else -shift), 0.0), 1.0)
    in_tolerances = shift / spec.tolerance if spec.tolerance else None
    return {"tolerances": in_tolerances, "shift": shift, "to": unscale(spec, moved)}


def unscale(spec: SignalSpec, unit: float) -> float:
    """The value of a signal at a place of its scale to [0, 1]: the inverse of its scaling.

    >>> latency = SignalSpec(name="latency_s", family="operations", kind="positive", direction="up", role="signal",
    ...                      tolerance=0.05, high=60.0)
    >>> round(unscale(latency, latency.scale(20.0)), 9)
    20.0
    """
    linear = math.expm1(unit * math.log(100.0)) / 99.0 if spec.is_logarithmic else unit
    return spec.low + linear * (spec.high - spec.low)


def _tell_signals(power: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By layer, signal and side: in how many cohorts (and columns) power is useful, and the medians over them."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in power:
        groups[row["layer"], signal_of(row["signal"]), row["direction"]].append(row)
    return [
        {
            "layer": layer,
            "signal": signal,
            "direction": direction,
            "role": rows[0]["role"],
            "monitors": sum(row["count"] for row in rows),
            "useful": sum(row["count"] for row in rows if row["is_useful"]),
            "alarms_as_it_is": sum(row["count"] for row in rows if row["alarms_as_it_is"]),
            "smallest_tolerances": _middle([_smallest_of(row) for row in rows]),
            "sessions": _middle([math.inf if row["sessions"] is None else row["sessions"] for row in rows]),
            "days": _middle([math.inf if row["days"] is None else row["days"] for row in rows]),
        }
        for (layer, signal, direction), rows in groups.items()
    ]


def _smallest_of(row: dict[str, Any]) -> float:
    smallest = row["smallest"]
    return math.inf if smallest is None or smallest["tolerances"] is None else float(smallest["tolerances"])


def _middle(values: list[float]) -> float | None:
    return _finite(median(values)) if values else None


def _tell_small(power: Sequence[dict[str, Any]], found: Inventory) -> list[dict[str, Any]]:
    """Cohorts of which no guardrail has useful power (no signal, where none is watched), then those that wait.

    With the volume that the nearest of them needs.
    """
    by_cohort: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in power:
        by_cohort[row["cohort"]].append(row)
    small = []
    for cohort, rows in by_cohort.items():
        asked = [row for row in rows if row["role"] == Role.GUARDRAIL] or rows
        if any(row["is_useful"] for row in asked):
            continue
        needs = [row for row in asked if row["sessions_a_day_needed"] is not None]
        best = min(needs, key=lambda row: float(row["sessions_a_day_needed"]), default=None)
        small.append(
            {
                "cohort": cohort,
                "count": rows[0]["count"],
                "sessions_a_day": max(row["sessions_a_day"] for row in rows),
                "sessions_a_day_needed": None if best is None else best["sessions_a_day_needed"],
                "signal": None if best is None else best["signal"],
                "collects": None,
            }
        )
    return small + _tell_waiting([each for each in found.waiting if each.cohort not in by_cohort])


def _tell_waiting(waiting: Sequence[Waiting]) -> list[dict[str, Any]]:
    first: dict[str, Waiting] = {}
    for each in waiting:
        first.setdefault(each.cohort, each)
    return [
        {
            "cohort": cohort,
            "count": 1,
            "sessions_a_day": each.per_day,
            "sessions_a_day_needed": None,
            "signal": None,
            "collects": {"sessions": each.sessions, "of": each.needed, "days_left": _days_left(each)},
        }
        for cohort, each in first.items()
    ]


def _days_left(each: Waiting) -> float | None:
    return (each.needed - each.sessions) / each.per_day if each.per_day else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
