"""What this partition's tenants add to the pools of references: one mean a tenant, workflow, part and column.

A tenant's mean is that of the shared sessions among those that its leaves' references were sealed from. What was said
of a tenant is kept by edition, so that a baseline made of an earlier edition can be taken apart again.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from homeostat.detectors.frames import frame, unframe
from homeostat.detectors.leaf.arrays import BASELINE
from homeostat.detectors.leaf.baselines import LEAST_VALUES
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import MEANING, Plan
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.partition import partition_of
from homeostat.schemas.pool import PooledSignal, ReferencePool

KEPT_EDITIONS: Final = 8
"""Editions kept of a tenant's means; of more, those in the middle are forgotten and their neighbours stand for them."""
_PREFIX: Final = b"pool/"
_STATE_VERSION = 1

Means = dict[str, tuple[int, str]]
"""A tenant's mean (2⁻²⁰) by column, and what the column meant."""


class Pool(NamedTuple):
    """A workflow's part of the week."""

    workflow: str
    part: int

    @property
    def cohort(self) -> Cohort:
        return Cohort(layer=Layer.WORKFLOW, workflow=self.workflow)


class Home(NamedTuple):
    """One partition of so many. A tenant is at home where its name is a key: a giant's shards elsewhere add nothing."""

    partition: int
    partition_count: int

    def holds(self, tenant: str) -> bool:
        return partition_of(tenant.encode(), self.partition_count) == self.partition


ALONE: Final = Home(0, 1)


class _Edition(NamedTuple):
    edition: int
    means: Means


class PoolStore:
    """The pools of one partition; a state record a (part, workflow, tenant)."""

    def __init__(self, plan: Plan, home: Home) -> None:
        self._home = home
        self._said: dict[tuple[Pool, str], list[_Edition]] = {}
        self._sums: dict[Pool, dict[tuple[str, str], list[int]]] = {}
        self._editions: dict[Pool, int] = {}
        self._slots: dict[tuple[Pool, str], list[int]] = {}
        self._indexed = 0
        self._changed: set[tuple[Pool, str]] = set()
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Go on under another plan; the cohorts then flag every slot as sealed."""
        self._plan = plan
        self._parts = {name: number for number, name in enumerate(plan.part_names)}
        self._slots, self._indexed = {}, 0
        self.meanings = [name_meanings(plan, part) for part in range(len(plan.part_names))]

    def pool_of(self, key: LeafKey) -> Pool | None:
        """The pool of a leaf's part; none for a part that there is no longer, and for a subgroup."""
        return Pool(key.workflow, self._parts[key.part]) if key.part in self._parts and not key.band else None

    def tell(self, cohorts: CohortStore, mark: int, now_ms: int) -> Iterator[ReferencePool]:
        """Give the pools that what was sealed since the last call has changed."""
        slots = np.flatnonzero(cohorts.arrays.sealed)
        if not slots.size:
            return
        cohorts.arrays.sealed[:] = 0
        self._index(cohorts)
        places = {(pool, cohorts.keys[slot].tenant) for slot in slots.tolist() if (pool := self._pool(cohorts, slot))}
        changed = set()
        for place in sorted(places):
            pool, tenant = place
            means = self._read_means(place, cohorts) if self._home.holds(tenant) else {}
            if means != self._newest(place):
                self._replace(place, _Edition(max(now_ms, self._editions.get(pool, 0)) + 1, means))
                changed.add(pool)
        for pool in sorted(changed):
            self._editions[pool] = max(now_ms, self._editions.get(pool, 0)) + 1
            yield self._state(pool, mark, now_ms)

    def means_of(self, pool: Pool, tenant: str, edition: int) -> Means:
        """What an edition of a pool holds of a tenant; nothing where the tenant was not in it."""
        means: Means = {}
        for said in self._said.get((pool, tenant), ()):
            if said.edition <= edition:
                means = said.means
        return means

    def forget(self, pool: Pool, edition: int) -> None:
        """Drop what only editions before this one hold."""
        for (of, tenant), said in self._said.items():
            if of == pool:
                kept = [each for at, each in enumerate(said) if at + 1 == len(said) or said[at + 1].edition > edition]
                if len(kept) < len(said):
                    self._said[of, tenant] = kept
                    self._changed.add((of, tenant))

    def state_records(self) -> dict[bytes, bytes]:
        """One record a tenant's means in a pool, keys beginning with `pool/`."""
        return {_key(place): self._encode(place) for place in self._said}

    def drain_changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Records changed since the last call."""
        changed, self._changed = self._changed, set()
        for place in changed:
            yield _key(place), self._encode(place)

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Take over the records whose keys begin with `pool/`. Raises `StateCorrupt`."""
        for key in sorted(key for key in records if key.startswith(_PREFIX)):
            part, workflow, tenant = key.removeprefix(_PREFIX).decode().split("/")
            place = Pool(workflow, int(part)), tenant
            for edition, means in json.loads(unframe(records[key], _STATE_VERSION)):
                told = {name: (mean, meaning) for name, (mean, meaning) in means.items()}
                self._replace(place, _Edition(edition, told))
                self._editions[place[0]] = max(edition, self._editions.get(place[0], 0))
        self._changed = set()

    def _index(self, cohorts: CohortStore) -> None:
        for slot in range(self._indexed, len(cohorts.keys)):
            pool = self._pool(cohorts, slot)
            if pool is not None:
                self._slots.setdefault((pool, cohorts.keys[slot].tenant), []).append(slot)
        self._indexed = len(cohorts.keys)

    def _pool(self, cohorts: CohortStore, slot: int) -> Pool | None:
        """The pool of a baseline slot; none for another arm."""
        if slot >= len(cohorts.keys) or cohorts.arrays.arm[slot] != BASELINE:
            return None
        return self.pool_of(cohorts.keys[slot])

    def _read_means(self, place: tuple[Pool, str], cohorts: CohortStore) -> Means:
        sealed = cohorts.arrays.shared[self._slots[place], :, 2:]
        counts, totals = np.where(sealed[:, :, :1] >= LEAST_VALUES, sealed, 0).sum(axis=0).T.tolist()
        meanings = self.meanings[place[0].part]
        return {
            name: ((2 * total + count) // (2 * count), meaning)
            for name, meaning, count, total in zip(self._plan.names, meanings, counts, totals, strict=True)
            if count
        }

    def _newest(self, place: tuple[Pool, str]) -> Means:
        said = self._said.get(place)
        return said[-1].means if said else {}

    def _replace(self, place: tuple[Pool, str], edition: _Edition) -> None:
        sums = self._sums.setdefault(place[0], {})
        for sign, means in ((-1, self._newest(place)), (1, edition.means)):
            for name, (mean, meaning) in means.items():
                held = sums.setdefault((name, meaning), [0, 0, 0])
                held[0] += sign
                held[1] += sign * mean
                held[2] += sign * mean * mean
        said = self._said.setdefault(place, [])
        said.append(edition)
        if len(said) > KEPT_EDITIONS:
            del said[1]
        self._changed.add(place)

    def _state(self, pool: Pool, mark: int, now_ms: int) -> ReferencePool:
        sums, signals = self._sums[pool], {}
        for name, meaning in zip(self._plan.names, self.meanings[pool.part], strict=True):
            tenants, total, squares = sums.get((name, meaning), (0, 0, 0))
            if tenants:
                signals[name] = PooledSignal(tenants=tenants, total=total, squares=squares, meaning=meaning)
        return ReferencePool(
            cohort=pool.cohort,
            part=pool.part,
            edition=self._editions[pool],
            source_partition=self._home.partition,
            mark=mark,
            log_time_ms=now_ms,
            signals=signals,
        )

    def _encode(self, place: tuple[Pool, str]) -> bytes:
        return frame(json.dumps(self._said[place]).encode(), _STATE_VERSION)


def name_meanings(plan: Plan, part: int) -> list[str]:
    """What each column's numbers mean in a part of the week: equal names, equal scale, source and hours."""
    hours = [number == part for number in plan.part_of_hour]
    return [derive_id("meaning", hours, *(getattr(spec, name) for name in MEANING)) for spec in plan.specs]


def _key(place: tuple[Pool, str]) -> bytes:
    pool, tenant = place
    return f"pool/{pool.part}/{pool.workflow}/{tenant}".encode()
