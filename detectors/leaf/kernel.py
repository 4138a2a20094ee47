"""The kernel: walks a batch's rows in order, closing what is due before each, and stops where Python must speak.

It is a loop that can be left and entered again: where it stands is in `cursor`, so the batch's borders do not show.
"""

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import (
    AT_ROW,
    BUCKET_END,
    BUCKET_ENDED,
    CLOSE,
    DONE,
    EVENTS,
    HAS_EVENTS,
    KIND,
    NEVER,
    ROW_ENDED,
    ROW_REFUSED,
    SETTLE_AT,
    SETTLE_DUE,
    TAIL,
    TIME,
    URGENT,
    CohortArrays,
    Ints,
    LayerArrays,
    PairArrays,
    Scratch,
    SeenArrays,
    SessionArrays,
    WindowArrays,
)
from homeostat.detectors.leaf.close import close_values
from homeostat.detectors.leaf.fold import fold_row
from homeostat.detectors.leaf.groups import close_groups
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.pair import close_pair_session
from homeostat.detectors.leaf.plan import (
    SESSION_MS,
    WORK,
    PlanArrays,
)


@inlined
def advance(
    now: int,
    bucket_ms: int,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    pairs: PairArrays,
    counts: Ints,
    scratch: Scratch,
    cursor: Ints,
) -> int:
    """Close the sessions that are due by `now`, in order; stops at an event, the bucket's end, or works to settle."""
    mask = sessions.slot.shape[0] - 1
    while True:
        row = cursor[CLOSE] & mask
        due_ms = sessions.opened_ms[row] + plan.times[SESSION_MS] if cursor[CLOSE] < cursor[TAIL] else NEVER
        first_ms = min(due_ms, cursor[SETTLE_AT])
        if cursor[BUCKET_END] <= now and cursor[BUCKET_END] <= first_ms:
            return BUCKET_ENDED
        if cursor[SETTLE_AT] <= now and cursor[SETTLE_AT] <= due_ms:
            return SETTLE_DUE
        if due_ms > now:
            return DONE
        cursor[CLOSE] += 1
        bucket = cursor[BUCKET_END] // bucket_ms - 1
        found = close_values(row, due_ms, bucket, plan, sessions, cohorts, layers, counts, scratch, cursor)
        if sessions.pair[row] >= 0 and (found or sessions.flags[row]):
            close_pair_session(row, scratch.values, plan, sessions, cohorts, pairs, counts, cursor)
        if found and (plan.groups[0] or plan.groups[1]) and sessions.lane[row] == WORK:
            close_groups(row, due_ms, plan, sessions, cohorts, layers, scratch, cursor)
        if cursor[EVENTS]:
            return HAS_EVENTS


@borrowing
def walk(
    rows: Ints,
    raw: Floats,
    bucket_ms: int,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    layers: LayerArrays,
    pairs: PairArrays,
    window: WindowArrays,
    seen: SeenArrays,
    seeds: Ints,
    counts: Ints,
    scratch: Scratch,
    cursor: Ints,
) -> int:
    """Walk `rows` (int64 [n, COLUMNS]) with their values `raw` (float64 [n, signal], nan for none) from the cursor on.

    Returns DONE; or HAS_EVENTS (`scratch` holds `cursor[EVENTS]` of them), BUCKET_ENDED, SETTLE_DUE, or ROW_ENDED (the
    row before `cursor[AT_ROW]` was refused, or made evidence urgent): the caller answers and calls again.
    """
    while cursor[AT_ROW] < rows.shape[0]:
        line = rows[cursor[AT_ROW]]
        code = advance(
            line[TIME],
            bucket_ms,
            plan,
            sessions,
            cohorts,
            layers,
            pairs,
            counts,
            scratch,
            cursor,
        )
        if code != DONE:
            return code
        fold_row(line, raw[cursor[AT_ROW]], plan, sessions, cohorts, pairs, window, seen, seeds, counts, cursor)
        cursor[AT_ROW] += 1
        if line[KIND] == ROW_REFUSED or cursor[URGENT]:
            return ROW_ENDED
    return DONE
