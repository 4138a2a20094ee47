"""Lending: what a cohort without a reference of its own is held against, from other tenants' of its workflow."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import CohortArrays
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import BASELINE_DELTA, Plan
from homeostat.detectors.statistics.between_tenants import predict_tenant
from homeostat.schemas.control import Baseline, BaselineDocument
from homeostat.schemas.pool import LEAST_TENANTS, name_pool
from homeostat.schemas.trace import Arm

if TYPE_CHECKING:
    from homeostat.detectors.leaf.cohorts import CohortStore
    from homeostat.detectors.leaf.pools import Home, Pool, PoolStore


class Lender:
    """Borrowed references, by the newest baselines across tenants in `documents` and what this partition gave to them.

    They change with documents and plans only: what the partition adds to its pools meanwhile is of later editions.
    """

    def __init__(self, plan: Plan, pools: "PoolStore", home: "Home", documents: Mapping[str, BaselineDocument]) -> None:
        self.plan = plan
        self._pools, self._home, self._documents = pools, home, documents

    def lend(self, key: LeafKey) -> Floats:
        """Give (tenants, mean, lower, upper) [column, 4] of a baseline slot's workflow without its own tenant.

        Zeros where fewer than three other tenants are left. A tenant's shards away from its home do not know what
        their tenant added there: they ask for one tenant more, as one may be their own.
        """
        lent = np.zeros((len(self.plan.specs), 4))
        pool = self._pools.pool_of(key)
        document = None if pool is None else self._documents.get(name_pool(pool.cohort, pool.part))
        if pool is None or document is None or not document.body.pooled:
            return lent
        own = self._pools.means_of(pool, key.tenant, self.edition_of(document.body))
        sums = self._take_off(document.body, pool, own)
        enough = sums[:, 0] >= LEAST_TENANTS + (not self._home.holds(key.tenant))
        tenants, totals, squares = sums[enough].T
        arrays = self.plan.arrays
        lent[enough, 0] = tenants
        lent[enough, 1:] = predict_tenant(
            tenants, totals, squares, arrays.tolerance[enough], float(arrays.weights[BASELINE_DELTA])
        )
        return lent

    def edition_of(self, baseline: Baseline) -> int:
        """The edition of this partition's pool that is in a baseline across tenants; 0 for none."""
        found = (each.edition for each in baseline.editions if each.source_partition == self._home.partition)
        return next(found, 0)

    def _take_off(self, body: Baseline, pool: "Pool", own: Mapping[str, tuple[int, str]]) -> Floats:
        """(tenants, Σ m, Σ m²) [column, 3] without the means `own`; zeros for a column that means something else."""
        sums = np.zeros((len(self.plan.specs), 3))
        for column, (name, meaning) in enumerate(zip(self.plan.names, self._pools.meanings[pool.part], strict=True)):
            pooled = body.pooled.get(name)
            if pooled is None or pooled.meaning != meaning:
                continue
            mean, meant = own.get(name, (0, ""))
            is_in = meant == meaning
            total, squares = pooled.total - mean * is_in, pooled.squares - mean * mean * is_in
            sums[column] = pooled.tenants - is_in, total / VALUE_SCALE, squares / VALUE_SCALE**2
        return sums


def lend_out(cohorts: "CohortStore", pool: "Pool", part_name: str, now_ms: int) -> None:
    """Let the baseline slots of a workflow's part borrow anew; a monitor that begins by it begins now."""
    rows, count = cohorts.arrays, len(cohorts.keys)
    begun = np.zeros((count, rows.reference.shape[1]), np.bool_)
    for slot, key in enumerate(cohorts.keys):
        if key.arm is Arm.BASELINE and (key.workflow, key.part) == (pool.workflow, part_name):
            before = rows.stakes[slot].any(axis=(1, 2))
            cohorts.borrow(slot)
            begun[slot] = rows.stakes[slot].any(axis=(1, 2)) & ~before
    for slot in np.flatnonzero(begun[rows.home[:count]].any(axis=1)).tolist():
        owner = rows.owner[slot]
        rows.last_ms[owner, begun[rows.home[slot]]] = now_ms
        rows.dirty[owner] = 1


def expect(rows: CohortArrays, homes: NDArray[Any], column: int) -> tuple[Floats, NDArray[Any]]:
    """What sessions are compared with [session, (n, mean, lower, upper)], and whether they are (bool [session]).

    `homes` are their baseline slots. A borrowed reference has n = 0: none of its sessions are the cohort's.
    """
    own, borrowed = rows.reference[homes, column], rows.borrowed[homes, column]
    is_own = own[:, 0] > 0
    found = np.where(is_own[:, None], own, borrowed)
    known = found[:, 0] > 0
    found[~is_own, 0] = 0.0
    return found, known
