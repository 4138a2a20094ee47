"""A platform of many tenants over four weeks whose mix changes all the time while no leaf's mean does."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bench.null.laws import BINARY, TIGHT, WIDE, Floats
from bench.null.measure import EDGE, STILL, Used, Watched
from bench.null.scenarios import BUDGET_A_WEEK, WEEKS, specs_of
from bench.null.streams import DAY_MS, OFFICE, Cohorts, Stream
from bench.null.trial import Trial
from homeostat.detectors.budget import weight_per_ms
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import BaselineRule, Budget, Dedupe, Policy, Times

LAWS = (BINARY, WIDE, TIGHT)
SPECIALTIES = 8
FIRST_SESSIONS = 30
LAYERS = (Layer.LEAF, Layer.TENANT, Layer.SPECIALTY, Layer.PLATFORM)
_GROWTH_A_WEEK = np.array([1.4, 1.2, 1.1, 1.0, 1.0, 0.9, 0.8, 0.7])
"""Volumes of the specialties shift from one to another: with means of their own, the platform's mean moves."""
_SPECIALTY_FACTOR = np.linspace(0.7, 1.4, SPECIALTIES)


class PlatformSize(NamedTuple):
    """How many tenants, how often repeated, and the length of a bucket."""

    tenants: int
    repeats: int
    bucket_s: float


SIZES = {"small": PlatformSize(200, 1, 600.0), "full": PlatformSize(2_000, 1, 600.0)}


class LayerRow(NamedTuple):
    """What one layer used of what its monitors were given; `all` has the operator's whole budget as declared."""

    layer: str
    monitors: int
    edge: Used
    still: Used


class PlatformFigures(NamedTuple):
    """Rows by layer and in all, and what was simulated."""

    tenants: int
    leaves: int
    sessions: int
    mean_moved: float
    rows: tuple[LayerRow, ...]


class _Ground(NamedTuple):
    """Who there is: tenant and specialty by leaf, volumes, base means."""

    tenants: list[int]
    specialties: list[int]
    cohorts: Cohorts
    base: Floats


def run_platform(size: PlatformSize, seed: int, tell: Callable[[str], None]) -> PlatformFigures:
    """Run it at the edge and without a change."""
    used = {(mode, layer): Used(0, 0.0) for mode in (EDGE, STILL) for layer in LAYERS}
    ground, monitors = _lay_ground(size, np.random.default_rng(seed)), {}
    sessions, moved = 0, 0.0
    for repeat in range(size.repeats):
        for mode in (EDGE, STILL):
            watched = _begin(ground, size, np.random.default_rng((seed, repeat, mode == EDGE)))
            watched.run(WEEKS * 7 * DAY_MS, mode)
            found = _used_by_layer(watched, mode)
            for layer in LAYERS:
                used[mode, layer] = used[mode, layer].plus(found[layer])
            tell(f"{size.tenants} tenants, {mode}: {sum(each.alarms for each in found.values())} alarms")
            monitors = _count_monitors(watched.trial, len(ground.tenants))
            sessions = int(watched.trial.sessions.sum())
        moved = _mean_moved(ground)
    whole = BUDGET_A_WEEK * size.tenants / SIZES["full"].tenants * WEEKS * size.repeats
    rows = [LayerRow(layer.value, monitors[layer], used[EDGE, layer], used[STILL, layer]) for layer in LAYERS]
    alarms = {mode: sum(used[mode, layer].alarms for layer in LAYERS) for mode in (EDGE, STILL)}
    everything = LayerRow("all", sum(monitors.values()), Used(alarms[EDGE], whole), Used(alarms[STILL], whole))
    return PlatformFigures(size.tenants, len(ground.tenants), sessions, moved, (*rows, everything))


def _lay_ground(size: PlatformSize, rng: np.random.Generator) -> _Ground:
    """Tenants of one to three specialties; log-normal volumes; a fifth begins late, a tenth ends early."""
    tenants, specialties = [], []
    for tenant in range(size.tenants):
        chosen = rng.choice(SPECIALTIES, rng.integers(1, 4), replace=False)
        tenants += [tenant] * chosen.size
        specialties += chosen.tolist()
    weeks_ms, of = WEEKS * 7 * DAY_MS, np.array(tenants)
    starts = np.where(rng.random(size.tenants) < 0.2, rng.integers(0, weeks_ms * 3 // 4, size.tenants), 0)
    ends = np.where(rng.random(size.tenants) < 0.1, rng.integers(weeks_ms // 2, weeks_ms, size.tenants), 2**62)
    volume = np.minimum(np.exp(np.log(8.0) + 1.3 * rng.standard_normal(of.size)), 2_000.0)
    growth = _GROWTH_A_WEEK[specialties] * np.exp(0.1 * rng.standard_normal(of.size))
    factor = np.exp(0.15 * rng.standard_normal(of.size)) * _SPECIALTY_FACTOR[specialties]
    base = np.minimum(factor[:, None] * np.array([law.mean for law in LAWS]), 0.7)
    return _Ground(tenants, specialties, Cohorts(volume, starts[of], ends[of], growth), base)


def _begin(ground: _Ground, size: PlatformSize, rng: np.random.Generator) -> Watched:
    leaves = len(ground.tenants)
    parents = size.tenants + SPECIALTIES + 1
    policy = Policy(
        signals=specs_of(LAWS),
        times=Times(bucket_s=size.bucket_s),
        budget=Budget(
            false_alarms_per_week=BUDGET_A_WEEK * size.tenants / SIZES["full"].tenants,
            expected_monitors=2 * len(LAWS) * (leaves + parents),
        ),
        baseline=BaselineRule(first_sessions=FIRST_SESSIONS),
        dedupe=Dedupe(window_s=60.0, max_entries=1024),
    )
    trial = Trial(policy, with_parents=True)
    for tenant, specialty in zip(ground.tenants, ground.specialties, strict=True):
        trial.add_cohort(f"tenant-{tenant}", f"specialty-{specialty}", 0)
    trial.begin(0)
    stream = Stream(ground.cohorts, LAWS, rng, volume=OFFICE, weekend_ratio=0.3)
    return Watched(trial, stream, ground.base, by_column=True)


def _used_by_layer(watched: Watched, mode: str) -> dict[Layer, Used]:
    """Alarms and Σ w / A of each layer; at the edge of the sides that the means sit at."""
    trial, now_ms = watched.trial, watched.now_ms
    budget = trial.policy.budget
    found = {Layer.LEAF: Used(watched.leaf_alarms(mode), watched.declared(now_ms, mode))}
    side = watched.side[0]
    for layer in LAYERS[1:]:
        states = [(key, state) for key, state in trial.parents.items() if state.cohort.layer is layer]
        time_ms = sum(now_ms - trial.parent_since_ms[key] for key, _ in states if key in trial.parent_since_ms)
        sides = 1 if mode == EDGE else 2
        declared = weight_per_ms(budget, layer) * time_ms * sides * len(LAWS) / budget.alarm_threshold
        alarms = [alarm for alarm in trial.alarms if alarm.layer == layer]
        if mode == EDGE:
            alarms = [alarm for alarm in alarms if alarm.side == side[alarm.column]]
        found[layer] = Used(len(alarms), declared)
    return found


def _count_monitors(trial: Trial, leaves: int) -> dict[Layer, int]:
    each = 2 * len(LAWS)
    parents = {layer: sum(s.cohort.layer is layer for s in trial.parents.values()) * each for layer in LAYERS[1:]}
    return {Layer.LEAF: leaves * each, **parents}


def _mean_moved(ground: _Ground) -> float:
    """How far the platform's mean of the second column moves from the first day to the last, by mix alone."""
    ends = []
    for day in (0, WEEKS * 7 - 1):
        volume = ground.cohorts.expected(day * DAY_MS, (day + 1) * DAY_MS)
        ends.append(float(np.average(ground.base[:, 1], weights=volume)))
    return ends[1] - ends[0]
