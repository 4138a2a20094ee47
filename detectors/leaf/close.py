"""Closing one session: its value per signal goes into moments, layers, monitors, and the baseline that is collected.

What its monitors guarantee is said in `stakes`.
"""

import math

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.fixed_point import LOG_E_SCALE, VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import (
    BASELINE,
    CANDIDATE,
    COUNT_CLOSED,
    COUNT_EMPTY,
    COUNT_OVER_QUOTA,
    EVENTS,
    PRIVATE,
    STARTED,
    WORKED,
    CohortArrays,
    Ints,
    LayerArrays,
    Scratch,
    SessionArrays,
)
from homeostat.detectors.leaf.baselines import count_session, seal_lane
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.learn import learn, stop_learning
from homeostat.detectors.leaf.plan import QUOTA, RATE_PER_MS, SESSION_MS, THRESHOLD, WORK, PlanArrays
from homeostat.detectors.statistics.bets import MONITOR_BETS, UP
from homeostat.detectors.statistics.e_shiryaev_roberts import EVIDENCE_CAP

FACTORS = 32
"""Sessions whose e-values are multiplied before their logarithm is taken."""
_ONE = 2**20
_LOW_MASK = 2**62 - 1
_BIN_SHIFT = 15
_LAST_BIN = 31


@inlined
def read_values(row: int, plan: PlanArrays, sessions: SessionArrays, values: Ints) -> int:
    """Write the session's mean per signal (2⁻²⁰, rounded half up; −1 for none) into `values`; how many there are."""
    found = 0
    started, worked = sessions.flags[row] & STARTED, sessions.flags[row] & WORKED
    work = sessions.lane[row] == WORK
    for s in range(values.shape[0]):
        count = sessions.counts[row, s]
        values[s] = -1
        if plan.exposure[s]:
            if work and started:
                values[s] = _ONE if worked else 0
        elif count == 1:
            values[s] = sessions.sums[row, s]
        elif count > 1:
            values[s] = (2 * sessions.sums[row, s] + count) // (2 * count)
        if values[s] >= 0:
            found += 1
    return found


@inlined
def write_spreads(home: int, plan: PlanArrays, cohorts: CohortArrays, values: Ints) -> None:
    """Write the distances of values from what their baselines' distances are from, where there is one."""
    for s in range(values.shape[0]):
        main = plan.spread_of[s]
        if main >= 0 and values[main] >= 0 and cohorts.reference[home, s, 0] > 0:
            values[s] = abs(values[main] - cohorts.centre[home, s])


@inlined
def add_moments(slot: int, values: Ints, cohorts: CohortArrays) -> None:
    """Add the session to the cohort's moments and histogram (32 equal bins of [0, 1], 1 in the last)."""
    for s in range(values.shape[0]):
        x = values[s]
        if x < 0:
            continue
        low = cohorts.moments[slot, s, 3] + x * x
        cohorts.moments[slot, s, 0] += 1
        cohorts.moments[slot, s, 1] += x
        cohorts.moments[slot, s, 2] += low >> 62
        cohorts.moments[slot, s, 3] = low & _LOW_MASK
        cohorts.histogram[slot, s, min(x >> _BIN_SHIFT, _LAST_BIN)] += 1


@inlined
def push_ring(
    slot: int, lane: int, due_ms: int, name: Ints, values: Ints, plan: PlanArrays, cohorts: CohortArrays
) -> None:
    """Keep the session's values of its lane, and its name, in the cohort's ring of recent sessions."""
    row = cohorts.ring_count[slot, lane] % cohorts.ring.shape[1]
    cohorts.ring_ms[slot, lane, row] = due_ms
    for part in range(3):
        cohorts.ring_id[slot, lane, row, part] = name[part]
    for s in range(values.shape[0]):
        if plan.lane[s] == lane:
            cohorts.ring[slot, row, s] = values[s]
    cohorts.ring_count[slot, lane] += 1


@inlined
def add_layer(row: int, records: int, home: int, values: Ints, cohorts: CohortArrays, layers: LayerArrays) -> None:
    """Add the session's values to a parent's open bucket."""
    layers.tally[row, 0] += 1
    layers.tally[row, 1] += records
    layers.dirty[row] = 1
    for s in range(values.shape[0]):
        x = values[s]
        if x < 0:
            continue
        low = layers.sums[row, s, 3] + x * x
        layers.sums[row, s, 0] += 1
        layers.sums[row, s, 1] += x
        layers.sums[row, s, 2] += low >> 62
        layers.sums[row, s, 3] = low & _LOW_MASK
        layers.histogram[row, s, min(x >> _BIN_SHIFT, _LAST_BIN)] += 1
        if cohorts.reference[home, s, 0] > 0:
            layers.sums[row, s, 4] += 1
            layers.sums[row, s, 5] += math.floor(cohorts.reference[home, s, 1] * VALUE_SCALE + 0.5)


@borrowing
def take_logs(row: int, layers: LayerArrays) -> None:
    """Move the logs of a parent's products (2⁻³² nats, rounded down) into its sums; the products are 1 again."""
    for s in range(layers.product.shape[1]):
        for side in range(2):
            for k in range(MONITOR_BETS):
                if layers.product[row, s, side, k] != 1.0:
                    layers.log_e[row, s, side, k] += math.floor(math.log(layers.product[row, s, side, k]) * LOG_E_SCALE)
                    layers.product[row, s, side, k] = 1.0
    layers.tally[row, 3] = 0


@inlined
def note_factors(row: int, layers: LayerArrays) -> None:
    """Count a session whose factors are in a parent's products; after 32 of them, each in [2⁻⁵, 2²⁰], take the logs."""
    layers.tally[row, 3] += 1
    if layers.tally[row, 3] == FACTORS:
        take_logs(row, layers)


@inlined
def multiply(row: int, s: int, factors: Floats, layers: LayerArrays) -> None:
    """Multiply one signal's e of both directions (float64 [2, bet]) into a parent's products."""
    for side in range(2):
        for k in range(MONITOR_BETS):
            layers.product[row, s, side, k] *= factors[side, k]


@inlined
def multiply_all(parents: Ints, s: int, factors: Floats, layers: LayerArrays) -> None:
    """Multiply one signal's e into the products of every parent that the session feeds."""
    for p in range(parents.shape[0]):
        if parents[p] >= 0:
            multiply(parents[p], s, factors, layers)


@inlined
def bet(
    owner: int, home: int, s: int, side: int, gain: float, weight: float, cohorts: CohortArrays, factors: Floats
) -> tuple[float, float]:
    """Fold e_k = 1 + λ_k·gain, which `factors` then holds, into M_k ← (M_k + w)·e_k; Σ π_k M_k before and after."""
    before, after = 0.0, 0.0
    for k in range(MONITOR_BETS):
        e = 1.0 + cohorts.stakes[home, s, side, k] * gain
        factors[side, k] = e
        held = cohorts.evidence[owner, s, side, k]
        grown = min((held + weight) * e, EVIDENCE_CAP)
        cohorts.evidence[owner, s, side, k] = grown
        before += held
        after += grown
    return before / MONITOR_BETS, after / MONITOR_BETS


@inlined
def evidence_of(owner: int, s: int, side: int, cohorts: CohortArrays) -> float:
    """Σ π_k M_k of a column's side as it stands."""
    total = 0.0
    for k in range(MONITOR_BETS):
        total += cohorts.evidence[owner, s, side, k]
    return total / MONITOR_BETS


@inlined
def note_alarm(
    slot: int, s: int, side: int, mixture: float, cohorts: CohortArrays, scratch: Scratch, cursor: Ints
) -> None:
    """Note a crossing and the bet that carried it; M is 0 again."""
    owner, best = cohorts.owner[slot], 0
    for k in range(1, MONITOR_BETS):
        if cohorts.evidence[owner, s, side, k] > cohorts.evidence[owner, s, side, best]:
            best = k
    at = cursor[EVENTS]
    scratch.events[at, 0] = slot
    scratch.events[at, 1] = s
    scratch.events[at, 2] = side
    scratch.events[at, 3] = best
    scratch.numbers[at] = mixture
    cursor[EVENTS] = at + 1
    stop_learning(slot, s, cohorts)
    for k in range(MONITOR_BETS):
        cohorts.evidence[owner, s, side, k] = 0.0


@inlined
def watch_never(
    slot: int, s: int, x: int, plan: PlanArrays, cohorts: CohortArrays, scratch: Scratch, cursor: Ints
) -> None:
    """Alarm when what must never happen has happened."""
    up = plan.harm[s] == UP
    if plan.never[s] and ((up and x > 0) or (not up and x < _ONE)):
        note_alarm(slot, s, 0 if up else 1, plan.weights[THRESHOLD], cohorts, scratch, cursor)


@inlined
def step_monitors(
    slot: int,
    due_ms: int,
    rate: float,
    plan: PlanArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    scratch: Scratch,
    cursor: Ints,
) -> None:
    """Bet on every signal that has a null, up and down, for the cohort itself; with a reference for its parents too.

    What must never happen alarms when it does. `rate` is the weight a millisecond.
    """
    home, owner = cohorts.home[slot], cohorts.owner[slot]
    values, parents, factors = scratch.values, scratch.parents, scratch.factors
    for s in range(values.shape[0]):
        if values[s] < 0:
            continue
        watch_never(slot, s, values[s], plan, cohorts, scratch, cursor)
        if cohorts.stakes[home, s, 0, 0] == 0.0 and cohorts.stakes[home, s, 1, 0] == 0.0:
            continue
        x = values[s] / VALUE_SCALE
        weight = rate * (due_ms - cohorts.last_ms[owner, s])
        cohorts.last_ms[owner, s] = due_ms
        stood = 0.0
        for side in range(2):
            if cohorts.stakes[home, s, side, 0] == 0.0:
                factors[side, :] = 1.0
                stood = max(stood, evidence_of(owner, s, side, cohorts))
                continue
            null = cohorts.null[home, s, side]
            gain = x - null if side == 0 else null - x
            before, mixture = bet(owner, home, s, side, gain, weight, cohorts, factors)
            stood = max(stood, before)
            if mixture >= plan.weights[THRESHOLD]:
                note_alarm(slot, s, side, mixture, cohorts, scratch, cursor)
        if cohorts.reference[home, s, 0] > 0:
            multiply_all(parents, s, factors, layers)
            learn(slot, s, values[s], stood, plan, cohorts)
    for p in range(parents.shape[0]):
        if parents[p] >= 0:
            note_factors(parents[p], layers)


@inlined
def choose_parents(
    slot: int,
    flags: int,
    records: int,
    bucket: int,
    plan: PlanArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    counts: Ints,
    parents: Ints,
) -> None:
    """Write the layers that this session feeds (−1 for none).

    Candidates feed none; a session that is not to be shared, and what exceeds the tenant's quota in the bucket, feeds
    the tenant's own layer only.
    """
    parents[:] = -1
    if cohorts.arm[slot] == CANDIDATE:
        return
    own = cohorts.layers[slot, 0]
    parents[0] = own
    if flags & PRIVATE or records == 0:
        return
    if layers.tally[own, 2] >= plan.times[QUOTA]:
        counts[COUNT_OVER_QUOTA] += 1
        return
    layers.tally[own, 2] += 1
    cohorts.shared_bucket[slot] = bucket
    for p in range(1, parents.shape[0]):
        parents[p] = cohorts.layers[slot, p]


@inlined
def collect_baseline(
    slot: int, lane: int, mark: int, flags: int, due_ms: int, values: Ints, plan: PlanArrays, cohorts: CohortArrays
) -> None:
    """Count a session of the baseline arm that began after the decision to seal; seal when there are enough."""
    opened_ms = due_ms - plan.times[SESSION_MS]
    if cohorts.first_ms[slot] < 0:
        cohorts.first_ms[slot] = opened_ms
    if cohorts.arm[slot] == BASELINE and cohorts.collects[slot, lane] and mark > cohorts.seal_after[slot]:
        shared = flags & PRIVATE == 0
        if count_session(slot, lane, opened_ms, shared, values, plan, cohorts):
            seal_lane(slot, lane, due_ms, plan, cohorts)


@inlined
def close_values(
    row: int,
    due_ms: int,
    bucket: int,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    counts: Ints,
    scratch: Scratch,
    cursor: Ints,
) -> int:
    """Close the session in `row` for its cohort and layers; how many values it had: `scratch.values` holds them."""
    leaf, lane = sessions.slot[row], sessions.lane[row]
    slot = cohorts.parts[leaf, sessions.part[row]]
    values, parents = scratch.values, scratch.parents
    found = read_values(row, plan, sessions, values)
    counts[COUNT_CLOSED] += 1
    cohorts.tally[leaf, 0] += 1
    cohorts.dirty[leaf] = 1
    cohorts.dirty[slot] = 1
    if found == 0:
        counts[COUNT_EMPTY] += 1
        return 0
    write_spreads(cohorts.home[slot], plan, cohorts, values)
    choose_parents(leaf, sessions.flags[row], sessions.records[row], bucket, plan, cohorts, layers, counts, parents)
    add_moments(slot, values, cohorts)
    push_ring(slot, lane, due_ms, sessions.name[row], values, plan, cohorts)
    for p in range(parents.shape[0]):
        if parents[p] >= 0:
            add_layer(parents[p], sessions.records[row], cohorts.home[slot], values, cohorts, layers)
    step_monitors(slot, due_ms, plan.weights[RATE_PER_MS], plan, cohorts, layers, scratch, cursor)
    collect_baseline(slot, lane, sessions.mark[row], sessions.flags[row], due_ms, values, plan, cohorts)
    return found
