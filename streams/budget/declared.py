"""The inventory of a platform that does not run yet: from a policy, volumes, and what a baseline may look like."""

from typing import NamedTuple

import numpy as np
from scipy.stats import beta

from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.stakes import guess_deviation, write_stakes
from homeostat.detectors.power import BINS, Sources
from homeostat.detectors.statistics.baseline_bound import mean_bounds, session_rate_bounds
from homeostat.detectors.statistics.bets import DOWN, MONITOR_BETS, UP
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Direction, Kind, Role, SignalSpec
from homeostat.streams.budget.inventory import Inventory, Watch
from homeostat.streams.errors import SettingsInvalid


class Volumes(NamedTuple):
    """Tenants, specialties in each, notes a day of each tenant, the share of notes with feedback."""

    tenants: int
    specialties: int
    notes_per_day: float
    feedback_ratio: float


class Shape(NamedTuple):
    """What a baseline may look like: mean and standard deviation on [0, 1] of a session, and the rate of yes or no."""

    mean: float
    sd: float
    rate: float


def declare_inventory(policy: Policy, volumes: Volumes, shape: Shape) -> Inventory:
    """Leaves alike, tenants alike, and parents over them. Raises `SettingsInvalid` for a shape that cannot be."""
    if shape.sd**2 >= shape.mean * (1.0 - shape.mean):
        most = (shape.mean * (1.0 - shape.mean)) ** 0.5
        raise SettingsInvalid(f"a mean of {shape.mean:g} on [0, 1] allows a standard deviation below {most:.3f}")
    found = Inventory(policy, None, tenants=volumes.tenants)
    like = (
        f"mean {shape.mean:g} and standard deviation {shape.sd:g} of a column on [0, 1], rate {shape.rate:g} of a yes"
    )
    found.assumptions = [f"assumed: {like}, seen from the good end; all cohorts alike, and with their references"]
    leaves = volumes.tenants * volumes.specialties
    per_leaf = volumes.notes_per_day / volumes.specialties
    for spec in policy.columns:
        if spec.role is Role.NEVER:
            continue
        found.bounds += 2 * leaves
        per_day = per_leaf * (volumes.feedback_ratio if spec.carrier is Carrier.FEEDBACK else 1.0)
        for direction in (Direction.UP, Direction.DOWN):
            sources = _sources_of(spec, direction, policy, shape, per_day)
            if sources.stakes.any():
                found.watches += _watches_of(spec, direction, sources, policy, volumes)
    return found


def _watches_of(
    spec: SignalSpec, direction: Direction, sources: Sources, policy: Policy, volumes: Volumes
) -> list[Watch]:
    sessions, leaves = policy.baseline.first_sessions, volumes.tenants * volumes.specialties
    steps = 86_400.0 / policy.times.bucket_s
    found = [Watch(Layer.LEAF, "each leaf", "each", spec, direction, sources, None, sessions, leaves)]
    for layer, name, count, below in (
        (Layer.TENANT, "each tenant", volumes.tenants, volumes.specialties),
        (Layer.SPECIALTY, "each specialty", volumes.specialties, volumes.tenants),
        (Layer.PLATFORM, "the platform", 1, leaves),
    ):
        fed = sources._replace(per_day=sources.per_day * below)
        tenant = "each" if layer is Layer.TENANT else None
        a_day = min(steps, float(fed.per_day.sum()))
        found.append(Watch(layer, name, tenant, spec, direction, fed, a_day, sessions * below, count))
    return found


def _sources_of(spec: SignalSpec, direction: Direction, policy: Policy, shape: Shape, per_day: float) -> Sources:
    is_binary, up = spec.kind is Kind.BINARY, direction is Direction.UP
    mean = shape.rate if is_binary else shape.mean
    reference, weights = _law_of(is_binary, shape, policy.baseline.first_sessions)
    if spec.direction is Direction.DOWN:
        mean, reference, weights = 1.0 - mean, 1.0 - reference, weights[::-1].copy()
    delta = policy.budget.baseline_delta / 2
    lower, upper = session_rate_bounds(reference, delta) if is_binary else mean_bounds(reference, delta)
    if spec.scaled_limit is not None and direction is spec.direction:
        null = spec.scaled_limit
    else:
        null = upper + spec.tolerance if up else lower - spec.tolerance
    stakes = np.zeros(MONITOR_BETS)
    deviation = guess_deviation(reference.size, lower, upper, delta)
    write_stakes(is_binary, null, UP if up else DOWN, stakes, deviation)
    return Sources(np.array([per_day]), weights[None], np.array([mean]), np.array([null]), stakes[None], is_binary, up)


def _law_of(is_binary: bool, shape: Shape, count: int) -> tuple[Floats, Floats]:
    """A typical reference of so many values (its order does not matter), and shares by bin of [0, 1]."""
    if is_binary:
        weights = np.zeros(BINS)
        weights[0], weights[-1] = 1.0 - shape.rate, shape.rate
        return (np.arange(count) < round(shape.rate * count)).astype(np.float64), weights
    concentration = shape.mean * (1.0 - shape.mean) / shape.sd**2 - 1.0
    law = shape.mean * concentration, (1.0 - shape.mean) * concentration
    reference = np.asarray(beta.ppf((np.arange(count) + 0.5) / count, *law))
    return reference, np.diff(beta.cdf(np.linspace(0.0, 1.0, BINS + 1), *law))
