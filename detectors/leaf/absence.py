"""Absence that means 0: works and what feedback said of them, by bucket of the works' time, judged at equal age.

A work counts in the bucket of its time, a session's once. Feedback with a 1 within the declared age of its work counts
in the same bucket, a session's once too. When log time is an age past the bucket's end, all its works have been waited
for as long: of N works K had a 1, the others had none, and that is what the cohort's monitor, its reference and its
parents are told: N sessions with K ones, as one factor. What e-values of independent sessions multiply to does not
depend on their order, so it is a fair bet however the ones lie.

The factor is e₁ᴷ·e₀ᴺ⁻ᴷ with e₁, e₀ = 1 ± λ_k(x − m) at x = 1, 0, in the step of `stakes`, w·Δt added before it.
Guarantee: E[alarms until t] ≤ w·t/A while the works' answers are independent given the past of their bucket, each with
a rate of at most m (at least, for down). Units: works; log time in ms. Source: as `stakes`.

>>> import numpy as np
>>> moments = np.zeros(4, np.int64)
>>> add_moments_of(16, 3, moments); int(moments[0]), float(moments[1] / VALUE_SCALE)
(16, 3.0)
"""

import math

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import LOG_E_SCALE, VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import (
    BASELINE,
    CANDIDATE,
    COUNT_OVER_QUOTA,
    COUNT_TOLD_ALONE,
    COUNT_WORK_TOO_OLD,
    EVENTS,
    FLAGS,
    KEEPS_PRIVATE,
    OFFSET,
    PART,
    SESSION,
    SLOT,
    WORK_MS,
    CohortArrays,
    Ints,
    LayerArrays,
    Scratch,
)
from homeostat.detectors.leaf.baselines import begin_monitors, conclude_seal
from homeostat.detectors.leaf.close import evidence_of, note_alarm
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.learn import (
    CENTRE,
    COUNT,
    LEAST,
    SQUARES,
    TOTAL,
    is_power,
    tighten,
)
from homeostat.detectors.leaf.plan import (
    BASELINE_DELTA,
    FEEDBACK,
    OPEN_BUCKETS,
    QUOTA,
    RATE_PER_MS,
    REMEMBERED_MS,
    SESSION_MS,
    THRESHOLD,
    WARM,
    PlanArrays,
)
from homeostat.detectors.leaf.stakes import write_bets
from homeostat.detectors.statistics.bets import MONITOR_BETS
from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound, rate_upper_bound
from homeostat.detectors.statistics.e_shiryaev_roberts import EVIDENCE_CAP

WORKS, ONES, MARK, PRIVATE = range(4)
"""An open bucket: works, ones, the offset of its first work, whether a record of it was not to be shared."""
TOLD_MS = 3
"""Of a session that feedback said 1 of: its name's three numbers, then the time of its work."""
_MOST_LOG_E = 700.0
_ONE = 2**20


@inlined
def count_work(line: Ints, plan: PlanArrays, cohorts: CohortArrays, counts: Ints) -> None:
    """Count a session's first work trace in the bucket of its time, for every column of which absence means 0."""
    slot = cohorts.parts[line[SLOT], line[PART]]
    for k in range(plan.absent.shape[0]):
        bucket = line[WORK_MS] // plan.absent_ms[k, 0]
        if bucket < cohorts.next_bucket[k] or bucket >= cohorts.next_bucket[k] + OPEN_BUCKETS:
            counts[COUNT_WORK_TOO_OLD] += 1
            continue
        place = bucket % OPEN_BUCKETS
        if cohorts.works[slot, k, place, WORKS] == 0:
            cohorts.works[slot, k, place, MARK] = line[OFFSET]
        cohorts.works[slot, k, place, WORKS] += 1
        if line[FLAGS] & KEEPS_PRIVATE:
            cohorts.works[slot, k, place, PRIVATE] = 1
        cohorts.dirty[slot] = 1


@inlined
def was_told(slot: int, k: int, line: Ints, plan: PlanArrays, cohorts: CohortArrays) -> bool:
    """Whether a 1 of the same session is among the last ones."""
    found = False
    for place in range(cohorts.told.shape[2]):
        told = cohorts.told[slot, k, place]
        same = told[0] == line[SESSION] and told[1] == line[SESSION + 1] and told[2] == line[SESSION + 2]
        found = found or (same and abs(told[TOLD_MS] - line[WORK_MS]) < plan.times[REMEMBERED_MS])
    return found


@inlined
def count_ones(line: Ints, values: Floats, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Count what feedback says of a work, and take it out of `values`: it is no value of a session of feedback."""
    slot = cohorts.parts[line[SLOT], line[PART]]
    for k in range(plan.absent.shape[0]):
        x = values[plan.absent[k]]
        values[plan.absent[k]] = math.nan
        if math.isnan(x) or x < 0.5 or was_told(slot, k, line, plan, cohorts):
            continue
        bucket = line[WORK_MS] // plan.absent_ms[k, 0]
        if bucket < cohorts.next_bucket[k] or bucket >= cohorts.next_bucket[k] + OPEN_BUCKETS:
            continue
        for place in range(cohorts.told.shape[2] - 1, 0, -1):
            for part in range(4):
                cohorts.told[slot, k, place, part] = cohorts.told[slot, k, place - 1, part]
        for part in range(TOLD_MS):
            cohorts.told[slot, k, 0, part] = line[SESSION + part]
        cohorts.told[slot, k, 0, TOLD_MS] = line[WORK_MS]
        cohorts.works[slot, k, bucket % OPEN_BUCKETS, ONES] += 1
        if line[FLAGS] & KEEPS_PRIVATE:
            cohorts.works[slot, k, bucket % OPEN_BUCKETS, PRIVATE] = 1
        cohorts.dirty[slot] = 1


@compiled
def add_moments_of(works: int, ones: int, moments: Ints) -> None:
    """Add zeros and ones to (n, sum, squares high, low)."""
    low = moments[3] + ((ones & (2**22 - 1)) << 40)
    moments[0] += works
    moments[1] += ones << 20
    moments[2] += (ones >> 22) + (low >> 62)
    moments[3] = low & (2**62 - 1)


@compiled
def bet_on_bucket(
    slot: int,
    s: int,
    works: int,
    ones: int,
    due_ms: int,
    plan: PlanArrays,
    cohorts: CohortArrays,
    scratch: Scratch,
    cursor: Ints,
) -> None:
    """Fold a bucket's factor into the monitors of one column: M_k ← (M_k + w)·e₁ᴷ·e₀ᴺ⁻ᴷ; logs go to `factors`.

    A baseline learns of the bucket as of a session, unless evidence was building.
    """
    home, owner = cohorts.home[slot], cohorts.owner[slot]
    scratch.factors[:] = 0.0
    if cohorts.stakes[home, s, 0, 0] == 0.0 and cohorts.stakes[home, s, 1, 0] == 0.0:
        return
    weight = plan.weights[RATE_PER_MS] * (due_ms - cohorts.last_ms[owner, s])
    stood = max(evidence_of(owner, s, 0, cohorts), evidence_of(owner, s, 1, cohorts))
    cohorts.last_ms[owner, s] = due_ms
    for side in range(2):
        if cohorts.stakes[home, s, side, 0] == 0.0:
            continue
        null, total = cohorts.null[home, s, side], 0.0
        sign = 1.0 if side == 0 else -1.0
        for k in range(MONITOR_BETS):
            stake = cohorts.stakes[home, s, side, k]
            log_e = ones * math.log(1.0 + stake * sign * (1.0 - null))
            log_e += (works - ones) * math.log(1.0 - stake * sign * null)
            scratch.factors[side, k] = log_e
            e = math.exp(min(max(log_e, -_MOST_LOG_E), _MOST_LOG_E))
            cohorts.evidence[owner, s, side, k] = min((cohorts.evidence[owner, s, side, k] + weight) * e, EVIDENCE_CAP)
            total += cohorts.evidence[owner, s, side, k]
        if total / MONITOR_BETS >= plan.weights[THRESHOLD]:
            note_alarm(slot, s, side, total / MONITOR_BETS, cohorts, scratch, cursor)
    cohorts.dirty[owner] = 1
    if cohorts.reference[home, s, 0] > 0 and home == slot and stood < plan.weights[WARM]:
        learn_bucket(slot, s, works, ones, plan, cohorts)


@compiled
def learn_bucket(slot: int, s: int, works: int, ones: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Add a bucket's zeros and ones to what was learned; look at the bounds at counts where `learn` would have."""
    learned = cohorts.learned[slot, s]
    if learned[COUNT] < 0:
        return
    centre, before = learned[CENTRE], learned[COUNT]
    zeros, gap = works - ones, _ONE - centre
    learned[COUNT] += works
    learned[TOTAL] += ones * gap - zeros * centre
    learned[SQUARES] += ones * (((gap * gap) >> 20) + 1) + zeros * (((centre * centre) >> 20) + 1)
    mark = LEAST
    while mark <= before:
        mark = mark // 2 * 3 if is_power(mark) else mark // 3 * 4
    if learned[COUNT] >= mark:
        tighten(slot, s, plan, cohorts)


@compiled
def feed_parent(
    row: int, slot: int, s: int, works: int, ones: int, cohorts: CohortArrays, layers: LayerArrays, factors: Floats
) -> None:
    """Add a bucket's sessions, and the logs of their factors, to a parent's open bucket."""
    home = cohorts.home[slot]
    layers.tally[row, 0] += works
    layers.dirty[row] = 1
    add_moments_of(works, ones, layers.sums[row, s])
    layers.histogram[row, s, 0] += works - ones
    layers.histogram[row, s, layers.histogram.shape[2] - 1] += ones
    if cohorts.reference[home, s, 0] > 0:
        layers.sums[row, s, 4] += works
        layers.sums[row, s, 5] += works * math.floor(cohorts.reference[home, s, 1] * VALUE_SCALE + 0.5)
        for side in range(2):
            for k in range(MONITOR_BETS):
                layers.log_e[row, s, side, k] += math.floor(factors[side, k] * LOG_E_SCALE)


@compiled
def feed_parents(
    slot: int,
    k: int,
    works: int,
    ones: int,
    private: bool,
    log_bucket: int,
    bucket_ms: int,
    plan: PlanArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    counts: Ints,
    factors: Floats,
) -> None:
    """Feed the layers as closed sessions do: candidates none, what is private or beyond the quota the tenant's own."""
    if cohorts.arm[slot] == CANDIDATE:
        return
    s, shared = plan.absent[k], not private
    if shared and works * bucket_ms > plan.times[QUOTA] * max(plan.absent_ms[k, 0], bucket_ms):
        counts[COUNT_OVER_QUOTA] += works
        shared = False
    for p in range(cohorts.layers.shape[1]):
        if p == 0 or shared:
            feed_parent(cohorts.layers[slot, p], slot, s, works, ones, cohorts, layers, factors)
    if shared:
        cohorts.shared_bucket[cohorts.owner[slot]] = log_bucket


@compiled
def collect_bucket(
    slot: int, k: int, mark: int, shared: bool, now_ms: int, plan: PlanArrays, cohorts: CohortArrays
) -> None:
    """Count a bucket towards the reference that is collected, and seal it when its works are enough.

    The bounds are those of a share, of all works in the buckets together.
    """
    lane, s = FEEDBACK + 1 + k, plan.absent[k]
    if cohorts.arm[slot] != BASELINE or not cohorts.collects[slot, lane]:
        return
    if mark <= cohorts.seal_after[slot]:
        cohorts.seal_seen[slot, s] = 0
        return
    cohorts.seal_seen[slot, s] += 1
    row = (cohorts.ring_count[slot, lane] - 1) % cohorts.ring.shape[1]
    if shared:
        cohorts.shared[slot, s, 0] += cohorts.ring_id[slot, lane, row, WORKS]
        cohorts.shared[slot, s, 1] += cohorts.ring_id[slot, lane, row, ONES] << 20
    rows, newest, works, ones = cohorts.ring.shape[1], cohorts.ring_count[slot, lane], 0, 0
    for number in range(max(0, newest - min(cohorts.seal_seen[slot, s], rows)), newest):
        works += cohorts.ring_id[slot, lane, number % rows, WORKS]
        ones += cohorts.ring_id[slot, lane, number % rows, ONES]
    if works < cohorts.seal_sessions[slot]:
        return
    begin_monitors(slot, s, now_ms, cohorts)
    cohorts.reference[slot, s, 0] = works
    cohorts.reference[slot, s, 1] = ones / works
    cohorts.reference[slot, s, 2] = rate_lower_bound(works, ones, plan.weights[BASELINE_DELTA])
    cohorts.reference[slot, s, 3] = rate_upper_bound(works, ones, plan.weights[BASELINE_DELTA])
    conclude_seal(slot, s, cohorts)
    cohorts.collects[slot, lane] = 0
    write_bets(cohorts.reference[slot], cohorts.borrowed[slot], plan, cohorts.null[slot], cohorts.stakes[slot])


@compiled
def push_bucket(slot: int, k: int, bucket: int, works: int, ones: int, plan: PlanArrays, cohorts: CohortArrays) -> None:
    """Keep a bucket in the lane's ring: its share, its works and ones, and the middle of its time."""
    lane, length_ms = FEEDBACK + 1 + k, plan.absent_ms[k, 0]
    row = cohorts.ring_count[slot, lane] % cohorts.ring.shape[1]
    cohorts.ring[slot, row, plan.absent[k]] = (2 * (ones << 20) + works) // (2 * works)
    cohorts.ring_ms[slot, lane, row] = bucket * length_ms + length_ms // 2 + plan.times[SESSION_MS]
    cohorts.ring_id[slot, lane, row, WORKS] = works
    cohorts.ring_id[slot, lane, row, ONES] = ones
    cohorts.ring_count[slot, lane] += 1


@compiled
def settle_bucket(
    slots: Ints,
    first: int,
    k: int,
    due_ms: int,
    log_bucket: int,
    bucket_ms: int,
    plan: PlanArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    counts: Ints,
    scratch: Scratch,
    cursor: Ints,
) -> int:
    """Settle column k's next bucket in `slots` from place `first` on: the place after the last, or after an event."""
    bucket, s = cohorts.next_bucket[k], plan.absent[k]
    for place in range(first, slots.shape[0]):
        slot = slots[place]
        row = cohorts.works[slot, k, bucket % OPEN_BUCKETS]
        works, told, mark, private = row[WORKS], row[ONES], row[MARK], row[PRIVATE] > 0
        row[:] = 0
        cohorts.dirty[slot] = 1
        ones = min(told, works)
        counts[COUNT_TOLD_ALONE] += told - ones
        if works == 0:
            continue
        add_moments_of(works, ones, cohorts.moments[slot, s])
        cohorts.histogram[slot, s, 0] += works - ones
        cohorts.histogram[slot, s, cohorts.histogram.shape[2] - 1] += ones
        push_bucket(slot, k, bucket, works, ones, plan, cohorts)
        bet_on_bucket(slot, s, works, ones, due_ms, plan, cohorts, scratch, cursor)
        factors = scratch.factors
        feed_parents(slot, k, works, ones, private, log_bucket, bucket_ms, plan, cohorts, layers, counts, factors)
        collect_bucket(slot, k, mark, not private, due_ms, plan, cohorts)
        if cursor[EVENTS]:
            return place + 1
    return int(slots.shape[0])
