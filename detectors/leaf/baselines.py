"""Sealing: a cohort's reference per signal, with its confidence bounds, from sessions after the decision."""

from typing import Final

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import VALUE_SCALE
from homeostat.detectors.leaf.arrays import CohortArrays, Ints
from homeostat.detectors.leaf.explain import seal_slopes
from homeostat.detectors.leaf.learn import begin_learning
from homeostat.detectors.leaf.plan import BASELINE_DELTA, WORK, PlanArrays
from homeostat.detectors.leaf.stakes import write_bets
from homeostat.detectors.statistics.baseline_bound import mean_bounds, session_rate_bounds

LEAST_VALUES: Final = 30
"""A signal with fewer values among the sessions of a reference waits for the next lot."""


@compiled
def collect_values(slot: int, lane: int, s: int, sessions: int, plan: PlanArrays, cohorts: CohortArrays) -> Ints:
    """Give a column's values (int64 [n], 2⁻²⁰) in the lane's last `sessions`; for a spread those of its main column."""
    rows = cohorts.ring.shape[1]
    newest = cohorts.ring_count[slot, lane]
    column = s if plan.spread_of[s] < 0 else plan.spread_of[s]
    values = np.empty(sessions, np.int64)
    count = 0
    for number in range(max(0, newest - min(sessions, rows)), newest):
        x = cohorts.ring[slot, number % rows, column]
        if x >= 0:
            values[count] = x
            count += 1
    return values[:count]


@compiled
def centre_values(slot: int, s: int, values: Ints, cohorts: CohortArrays) -> Ints:
    """Fix the mean of the first half as a spread's centre; gives the second half's distances from it (2⁻²⁰).

    Given the first half, these are distances from a constant, as those of all sessions to come are.
    """
    half = values.shape[0] // 2
    centre = (2 * values[:half].sum() + half) // (2 * half)
    cohorts.centre[slot, s] = centre
    distances: Ints = np.abs(values[half:] - centre)
    return distances


@compiled
def seal_signal(slot: int, s: int, fixed: Ints, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Write (n, mean, lower, upper) of a signal's values (2⁻²⁰); each bound is wrong with a chance of δ/2 at most."""
    values = fixed / VALUE_SCALE
    cohorts.reference[slot, s, 0] = fixed.shape[0]
    cohorts.reference[slot, s, 1] = fixed.sum() / fixed.shape[0] / VALUE_SCALE
    if plan.binary[s]:
        lower, upper = session_rate_bounds(values, plan.weights[BASELINE_DELTA])
    else:
        lower, upper = mean_bounds(values, plan.weights[BASELINE_DELTA])
    cohorts.reference[slot, s, 2] = lower
    cohorts.reference[slot, s, 3] = upper


@compiled
def begin_monitors(home: int, s: int, now_ms: int, cohorts: CohortArrays) -> None:
    """Let the monitors of all arms that use a reference begin again: it is another null.

    What the other parts of the week have shown stays when this part had no reference before, own or borrowed.
    """
    for arm in range(cohorts.home.shape[0]):
        if cohorts.home[arm] == home:
            owner = cohorts.owner[arm]
            if cohorts.reference[home, s, 0] > 0 or cohorts.borrowed[home, s, 0] > 0:
                cohorts.evidence[owner, s] = 0.0
            cohorts.last_ms[owner, s] = now_ms
            cohorts.dirty[owner] = 1


@compiled
def count_session(
    slot: int, lane: int, opened_ms: int, shared: bool, values: Ints, plan: PlanArrays, cohorts: CohortArrays
) -> bool:
    """Count a session (values at 2⁻²⁰, −1 for none) for the lane's pending columns; whether one has enough.

    Feedback counts from its age after the cohort's first session on: with the first works' quick readers alone a
    reference would not be of what follows. What of it may be `shared` is added up for what is lent: no
    spread, which a cohort without a centre of its own has no values of.
    """
    full = False
    age_ms = opened_ms - cohorts.first_ms[slot]
    for s in range(plan.lane.shape[0]):
        if plan.lane[s] != lane or not cohorts.pending[slot, s] or age_ms < plan.wait_ms[s]:
            continue
        cohorts.seal_seen[slot, s] += 1
        full = full or cohorts.seal_seen[slot, s] >= cohorts.seal_sessions[slot]
        if shared and values[s] >= 0 and plan.spread_of[s] < 0:
            cohorts.shared[slot, s, 0] += 1
            cohorts.shared[slot, s, 1] += values[s]
    return full


@compiled
def begin_lot(slot: int, s: int, cohorts: CohortArrays) -> None:
    """Begin a column's count anew with the next session."""
    cohorts.seal_seen[slot, s] = 0
    cohorts.shared[slot, s, 0] = 0
    cohorts.shared[slot, s, 1] = 0


@compiled
def conclude_seal(slot: int, s: int, cohorts: CohortArrays) -> None:
    """Let a column with a new reference learn, and be lent by what of it may be shared; it is pending no more."""
    begin_learning(slot, s, cohorts)
    cohorts.shared[slot, s, 2:] = cohorts.shared[slot, s, :2]
    cohorts.sealed[slot] = 1
    cohorts.pending[slot, s] = 0
    begin_lot(slot, s, cohorts)


@compiled
def seal_lane(slot: int, lane: int, now_ms: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Seal the pending columns of a lane that have enough sessions; one with too few values waits for the next lot."""
    sealed = False
    for s in range(plan.lane.shape[0]):
        is_full = cohorts.seal_seen[slot, s] >= cohorts.seal_sessions[slot]
        if plan.lane[s] != lane or not cohorts.pending[slot, s] or not is_full:
            continue
        values = collect_values(slot, lane, s, cohorts.seal_seen[slot, s], plan, cohorts)
        if values.shape[0] < LEAST_VALUES:
            begin_lot(slot, s, cohorts)
            continue
        begin_monitors(slot, s, now_ms, cohorts)
        if plan.spread_of[s] >= 0:
            values = centre_values(slot, s, values, cohorts)
        seal_signal(slot, s, values, plan, cohorts)
        conclude_seal(slot, s, cohorts)
        sealed = True
    if lane == WORK and sealed:
        seal_slopes(slot, plan, cohorts)
    cohorts.collects[slot, lane] = 0
    for s in range(plan.lane.shape[0]):
        if plan.lane[s] == lane and cohorts.pending[slot, s]:
            cohorts.collects[slot, lane] = 1
    write_bets(cohorts.reference[slot], cohorts.borrowed[slot], plan, cohorts.null[slot], cohorts.stakes[slot])
