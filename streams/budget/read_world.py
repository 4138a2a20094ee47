"""The inventory of a platform that has run: leaves from their worlds, parents from what they have summed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from homeostat.detectors.backtest import Topology
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import WORK
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.leaf.world import World
from homeostat.detectors.parents import ParentsStage
from homeostat.detectors.parents.cohort_state import CohortState
from homeostat.detectors.power import Sources
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Direction, Kind, Role, SignalSpec
from homeostat.schemas.trace import Arm
from homeostat.streams.budget.inventory import Inventory, Waiting, Watch

Leaves = dict[tuple[str, Direction, str | None, str | None], list[Watch]]
"""Leaves' monitors by column, side, and the tenant or the specialty that a parent is of; neither for the platform."""
_DAY_MS = 86_400_000
_SIDES = (Direction.UP, Direction.DOWN)
_ASSUMED = "volumes are the averages of the whole log; parents are fed by all the leaves below them"


def read_inventory(topology: Topology, from_ms: int, to_ms: int) -> Inventory | None:
    """What the stages of a topology watch after a log of that time; None where no leaf has a policy."""
    worlds = [world for stage in topology.stages().values() if isinstance(stage, LeafStage) and (world := stage.world)]
    if not worlds:
        return None
    days = max(to_ms - from_ms, 1) / _DAY_MS
    found = Inventory(worlds[0].plan.policy, days, assumptions=[_ASSUMED])
    if days < 1.0:
        found.assumptions.append(f"the log covers {days * 24.0:.2g} hours: volumes a day are what that would come to")
    for world in worlds:
        _read_leaves(world, days, found)
    found.tenants = len({key.tenant for world in worlds for key in world.cohorts.keys})
    fed = _index_leaves(found.watches)
    for stage in topology.stages().values():
        if isinstance(stage, ParentsStage):
            for state in stage.cohorts.values():
                found.watches += _read_parent(state, fed, found.policy)
    return found


def _index_leaves(leaves: Sequence[Watch]) -> Leaves:
    """What feeds parents: monitors of leaves with references of their own, candidates aside."""
    fed: Leaves = defaultdict(list)
    for watch in leaves:
        _, tenant, specialty, _, arm = watch.cohort.split("/")
        if arm != Arm.CANDIDATE and watch.reference_sessions:
            for tags in ((tenant, None), (None, specialty), (None, None)):
                fed[watch.column.name, watch.direction, *tags].append(watch)
    return fed


def _read_leaves(world: World, days: float, found: Inventory) -> None:
    cohorts = world.cohorts.arrays
    for slot, key in enumerate(world.cohorts.keys):
        if cohorts.owner[slot] != slot or key.band:
            continue
        parts = cohorts.parts[slot]
        homes = cohorts.home[parts]
        for s, spec in enumerate(world.plan.specs):
            counts = cohorts.moments[parts, s, 0]
            if spec.role is Role.NEVER or not counts.any():
                continue
            watches = list(_leaf_watches(world, key, s, spec, days))
            found.watches += watches
            sealed = cohorts.reference[homes, s, 0] > 0
            if key.arm is Arm.BASELINE:
                found.bounds += 2 * int(sealed.sum())
            if not watches:
                found.waiting.append(_waiting(world, key, slot, s, int(counts.sum()), days))


def _leaf_watches(world: World, key: LeafKey, s: int, spec: SignalSpec, days: float) -> Iterator[Watch]:
    cohorts = world.cohorts.arrays
    slot = world.cohorts.slots[key]
    parts = cohorts.parts[slot]
    counts = cohorts.moments[parts, s, 0]
    for side, direction in enumerate(_SIDES):
        has = (cohorts.stakes[cohorts.home[parts], s, side, 0] > 0.0) & (counts > 0)
        if not has.any():
            continue
        chosen, homes = parts[has], cohorts.home[parts][has]
        total = cohorts.histogram[chosen, s].sum(axis=1, keepdims=True)
        sealed = cohorts.reference[homes, s, 0]
        observed = cohorts.moments[chosen, s, 1] / cohorts.moments[chosen, s, 0] / 2.0**20
        sources = Sources(
            per_day=counts[has] / days,
            weights=cohorts.histogram[chosen, s] / total,
            mean=np.where(sealed > 0, cohorts.reference[homes, s, 1], observed),
            null=cohorts.null[homes, s, side].copy(),
            stakes=cohorts.stakes[homes, s, side].copy(),
            is_binary=spec.kind is Kind.BINARY,
            up=side == 0,
        )
        yield Watch(Layer.LEAF, key.cohort.key, key.tenant, spec, direction, sources, None, int(sealed.sum()))


def _waiting(world: World, key: LeafKey, slot: int, s: int, sessions: int, days: float) -> Waiting:
    cohorts, plan = world.cohorts.arrays, world.plan
    home = int(cohorts.home[slot])
    needed, lane = int(cohorts.seal_sessions[home]), int(plan.arrays.lane[s])
    so_far = int(cohorts.seal_seen[home, s])
    per_day = float(cohorts.tally[slot, 0]) / days if lane == WORK else sessions / days
    return Waiting(key.cohort.key, key.tenant, plan.specs[s], so_far, needed, per_day, 2)


def _read_parent(state: CohortState, leaves: Leaves, policy: Policy) -> Iterator[Watch]:
    """The parent's monitors that have been bet on, fed by the leaves below it."""
    cohort = state.cohort
    specs = {spec.name: spec for spec in policy.columns}
    for lane in state.monitors.lanes:
        spec = specs.get(lane.signal)
        below = leaves.get((lane.signal, lane.direction, cohort.tenant, cohort.specialty), ())
        if spec is None or not below:
            continue
        fed = [watch.sources for watch in below]
        joined = Sources(
            per_day=np.concatenate([each.per_day for each in fed]),
            weights=np.concatenate([each.weights for each in fed]),
            mean=np.concatenate([each.mean for each in fed]),
            null=np.concatenate([each.null for each in fed]),
            stakes=np.concatenate([each.stakes for each in fed]),
            is_binary=fed[0].is_binary,
            up=fed[0].up,
        )
        steps = min(86_400.0 / policy.times.bucket_s, float(joined.per_day.sum()))
        sessions = sum(watch.reference_sessions for watch in below)
        yield Watch(cohort.layer, cohort.key, cohort.tenant, spec, lane.direction, joined, steps, sessions)
