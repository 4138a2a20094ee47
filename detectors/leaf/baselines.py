"""Sealing: a cohort's reference per signal, with its confidence bounds, from sessions after the decision."""

from typing import Final

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.leaf.arrays import CohortArrays
from homeostat.detectors.leaf.plan import BASELINE_DELTA, PlanArrays
from homeostat.detectors.leaf.stakes import write_bets
from homeostat.detectors.statistics.baseline_bound import lower_bound, upper_bound

LEAST_VALUES: Final = 30
"""A signal with fewer values among the sessions of a reference waits for the next lot."""


@compiled
def seal_signal(slot: int, lane: int, s: int, plan: PlanArrays, cohorts: CohortArrays) -> bool:
    """Write (n, mean, lower, upper) of a signal from the lane's last `seal_seen` sessions; False for too few values.

    Each bound holds with probability 1 − `baseline_delta`.
    """
    rows = cohorts.ring.shape[1]
    newest = cohorts.ring_count[slot, lane]
    values = np.empty(cohorts.seal_seen[slot, lane])
    count, total = 0, 0
    for number in range(max(0, newest - min(values.shape[0], rows)), newest):
        x = cohorts.ring[slot, number % rows, s]
        if x >= 0:
            values[count] = x / VALUE_SCALE
            total += x
            count += 1
    if count < LEAST_VALUES:
        return False
    cohorts.reference[slot, s, 0] = count
    cohorts.reference[slot, s, 1] = total / count / VALUE_SCALE
    cohorts.reference[slot, s, 2] = lower_bound(values[:count], plan.weights[BASELINE_DELTA])
    cohorts.reference[slot, s, 3] = upper_bound(values[:count], plan.weights[BASELINE_DELTA])
    return True


@compiled
def begin_monitors(home: int, s: int, now_ms: int, cohorts: CohortArrays) -> None:
    """Let the monitors of all arms that use a reference begin again: it is another null."""
    for arm in range(cohorts.home.shape[0]):
        if cohorts.home[arm] == home:
            cohorts.evidence[arm, s] = 0.0
            cohorts.last_ms[arm, s] = now_ms
            cohorts.dirty[arm] = 1


@compiled
def seal_lane(slot: int, lane: int, now_ms: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Seal the pending signals of a lane from the sessions collected; those with too few values go on collecting."""
    collects = False
    for s in range(plan.lane.shape[0]):
        if plan.lane[s] != lane or not cohorts.pending[slot, s]:
            continue
        if plan.bounded[s] and seal_signal(slot, lane, s, plan, cohorts):
            cohorts.pending[slot, s] = 0
            begin_monitors(slot, s, now_ms, cohorts)
        else:
            collects = True
    cohorts.collects[slot, lane] = 1 if collects else 0
    cohorts.seal_seen[slot, lane] = 0
    write_bets(cohorts.reference[slot], plan, cohorts.null[slot], cohorts.stakes[slot])
