"""Sealing: a cohort's reference per signal, with its confidence bounds, from sessions after the decision."""

from typing import Final

import numpy as np

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.statistics.baseline_bound import lower_bound, upper_bound

LEAST_VALUES: Final = 30
"""A signal with fewer values among the sessions of a reference waits for the next lot."""


def seal_lane(cohorts: CohortStore, plan: Plan, slot: int, lane: int, now_ms: int) -> int:
    """Seal the pending signals of a lane from the sessions collected; how many were sealed.

    Each bound holds with probability 1 − `baseline_delta`. The monitors of all arms that use the reference begin
    again: it is another null.
    """
    rows = cohorts.arrays
    seen = int(rows.seal_seen[slot, lane])
    columns = plan.lane_columns[lane]
    sealed = []
    for s in range(columns.start, columns.stop):
        values = recent_values(cohorts, slot, s, lane, seen)
        if rows.pending[slot, s] and plan.arrays.bounded[s] and len(values) >= LEAST_VALUES:
            delta = plan.policy.budget.baseline_delta
            total = int(np.sum(np.round(values * VALUE_SCALE).astype(np.int64)))
            mean = total / len(values) / VALUE_SCALE
            rows.reference[slot, s] = (len(values), mean, lower_bound(values, delta), upper_bound(values, delta))
            rows.pending[slot, s] = 0
            sealed.append(s)
    rows.seal_seen[slot, lane] = 0
    rows.dirty[slot] = 1
    for arm in np.flatnonzero(rows.home[: len(cohorts.keys)] == slot).tolist():
        rows.evidence[arm, sealed] = 0.0
        rows.last_ms[arm, sealed] = now_ms
        rows.dirty[arm] = 1
    cohorts.derive_collects(slot)
    cohorts.derive_bets(slot)
    return len(sealed)


def recent_values(cohorts: CohortStore, slot: int, s: int, lane: int, sessions: int) -> Floats:
    """A signal's values in [0, 1] in the cohort's last `sessions` of a lane, oldest first; missing ones left out."""
    places = recent_places(cohorts, slot, lane, sessions)
    fixed = cohorts.arrays.ring[slot, places, s]
    values: Floats = fixed[fixed >= 0] / VALUE_SCALE
    return values


def recent_places(
    cohorts: CohortStore, slot: int, lane: int, sessions: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Where the last `sessions` of a lane stand in the cohort's ring, oldest first."""
    count, rows = int(cohorts.arrays.ring_count[slot, lane]), cohorts.arrays.ring.shape[1]
    places: Ints = np.arange(max(0, count - min(sessions, rows)), count) % rows
    return places
