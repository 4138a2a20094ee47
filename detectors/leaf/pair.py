"""Pairing at the close of a session: candidates against the controls set apart for them, first in, first out."""

import math

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.fixed_point import VALUE_SCALE, Floats, encode_value
from homeostat.detectors.leaf.arrays import (
    CANDIDATE,
    CANDIDATE_MISSING,
    CANDIDATE_STARTS,
    COUNT_QUEUE_FULL,
    COUNT_SATURATED,
    DIFFERENCES,
    NOT_YET,
    QUEUE_FULL,
    SIDE_CANDIDATE,
    SIDE_CONTROL,
    STARTED,
    UNTOLD,
    URGENT,
    WORKED,
    CohortArrays,
    Ints,
    PairArrays,
    SessionArrays,
)
from homeostat.detectors.leaf.plan import WORK, PlanArrays
from homeostat.detectors.statistics.bets import UP
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.sample_ratio import add_session
from homeostat.detectors.statistics.two_sample import add_pair, harm


@borrowing
def enqueue(pair: int, s: int, side: int, x: int, pairs: PairArrays) -> bool:
    """Let a session value wait for a partner; False when the queue is full, and then it is left out."""
    length, places = pairs.length[pair, s, side], pairs.queue.shape[3]
    if length == places:
        return False
    pairs.queue[pair, s, side, (pairs.head[pair, s, side] + length) % places] = x
    pairs.length[pair, s, side] = length + 1
    return True


@borrowing
def dequeue_mean(pair: int, s: int, side: int, direction: int, pairs: PairArrays) -> float:
    """Take a block's values out of the queue, oldest first, and give their mean harm."""
    size, places = pairs.block[pair, side], pairs.queue.shape[3]
    head, total = pairs.head[pair, s, side], 0
    for _ in range(size):
        total += pairs.queue[pair, s, side, head]
        head = (head + 1) % places
    pairs.head[pair, s, side] = head
    pairs.length[pair, s, side] -= size
    return harm(total / size / VALUE_SCALE, direction)


@borrowing
def bet_on_pair(pair: int, s: int, plan: PlanArrays, pairs: PairArrays, counts: Ints, cursor: Ints) -> None:
    """Form one pair of blocks and add its log-e to both tests; note a mixture that a verdict may rest on."""
    direction = plan.harm[s]
    candidate = dequeue_mean(pair, s, SIDE_CANDIDATE, direction, pairs)
    d = candidate - dequeue_mean(pair, s, SIDE_CONTROL, direction, pairs)
    pairs.sums[pair, s, 0] += 1
    pairs.sums[pair, s, 1] += encode_value(d)
    harmful, non_inferior = pairs.harmful[pair, s], pairs.non_inferior[pair, s]
    counts[COUNT_SATURATED] += add_pair(
        d, plan.tolerance[s], plan.harmful_stakes[s], plan.non_inferior_stakes[s], harmful, non_inferior
    )
    note_log_e(pair, s, 0, mixture_log_e(harmful), pairs, cursor)
    note_log_e(pair, s, 1, mixture_log_e(non_inferior), pairs, cursor)


@borrowing
def compare_beside(pair: int, s: int, side: int, x: int, plan: PlanArrays, pairs: PairArrays) -> None:
    """Add a session's value to what waits of a signal that only informs; both arms there, they make one difference.

    Which sessions are compared depends on their arms and never on their values. A square is rounded up, so that no
    interval becomes narrower for it.
    """
    waiting = pairs.beside[pair, s]
    waiting[2 * side] += 1
    waiting[2 * side + 1] += x
    pairs.heard[pair] = 1
    if waiting[0] == 0 or waiting[2] == 0:
        return
    candidate = harm(waiting[1] / waiting[0] / VALUE_SCALE, plan.harm[s])
    d = candidate - harm(waiting[3] / waiting[2] / VALUE_SCALE, plan.harm[s])
    waiting[DIFFERENCES] += 1
    waiting[DIFFERENCES + 1] += encode_value(d)
    waiting[DIFFERENCES + 2] += encode_value(d * d) + 1
    waiting[:DIFFERENCES] = 0


@borrowing
def note_log_e(pair: int, s: int, test: int, log_e: float, pairs: PairArrays, cursor: Ints) -> None:
    """Keep a test's mixture; a rise that may reach or pass the guard's limit makes the evidence urgent."""
    before, limits = pairs.log_e[pair, s, test], pairs.limits[pair, test]
    if log_e > before and log_e >= limits[0] and before < limits[1]:
        pairs.urgent[pair] = 1
        cursor[URGENT] += 1
    pairs.log_e[pair, s, test] = log_e


@borrowing
def add_ratio(pair: int, side: int, pairs: PairArrays, counts: Ints) -> None:
    """Bet one session's arm against the share that the rollout's step says."""
    counts[COUNT_SATURATED] += add_session(side == SIDE_CANDIDATE, pairs.share[pair], pairs.ratio[pair])


@borrowing
def start_pair_session(pair: int, side: int, pairs: PairArrays, counts: Ints) -> None:
    """Count a session that the gateway reported as started."""
    pairs.tally[pair, CANDIDATE_STARTS + side] += 1
    add_ratio(pair, side, pairs, counts)


@borrowing
def note_occurrences(pair: int, values: Floats, plan: PlanArrays, pairs: PairArrays, cursor: Ints) -> None:
    """Make evidence urgent where a candidate's record holds what must never be: nothing waits for its session's end."""
    if pairs.active[pair] == 0:
        return
    for s in range(values.shape[0]):
        if plan.never[s] == 0 or math.isnan(values[s]) or pairs.occurred[pair, s] != NOT_YET:
            continue
        harmless = plan.low[s] if plan.harm[s] == UP else plan.low[s] + plan.width[s]
        if values[s] != harmless:
            pairs.occurred[pair, s] = UNTOLD
            pairs.changed[pair] = pairs.urgent[pair] = pairs.dirty[pair] = 1
            cursor[URGENT] += 1


@borrowing
def close_pair_session(
    row: int,
    values: Ints,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    pairs: PairArrays,
    counts: Ints,
    cursor: Ints,
) -> None:
    """Add a closed session of a rollout: queues, pairs, missing work, and the ratio where no starts are reported."""
    pair, flags = sessions.pair[row], sessions.flags[row]
    if pairs.active[pair] == 0:
        return
    side = SIDE_CANDIDATE if cohorts.arm[sessions.slot[row]] == CANDIDATE else SIDE_CONTROL
    pairs.changed[pair] = 1
    pairs.dirty[pair] = 1
    if sessions.lane[row] == WORK and sessions.mark[row] >= pairs.since[pair]:
        if flags & STARTED and not flags & WORKED:
            pairs.tally[pair, CANDIDATE_MISSING + side] += 1
        if not flags & STARTED and pairs.tally[pair, 0] + pairs.tally[pair, 1] == 0:
            add_ratio(pair, side, pairs, counts)
    for s in range(values.shape[0]):
        if values[s] < 0:
            continue
        pairs.sums[pair, s, 2 + 2 * side] += 1
        pairs.sums[pair, s, 3 + 2 * side] += values[s]
        if pairs.guarded[pair, s] == 0:
            compare_beside(pair, s, side, values[s], plan, pairs)
            continue
        if not enqueue(pair, s, side, values[s], pairs):
            pairs.tally[pair, QUEUE_FULL] += 1
            counts[COUNT_QUEUE_FULL] += 1
        while pairs.length[pair, s, 0] >= pairs.block[pair, 0] and pairs.length[pair, s, 1] >= pairs.block[pair, 1]:
            bet_on_pair(pair, s, plan, pairs, counts, cursor)
