"""Folding a record into the arrays: its session found or opened, its values added, what it says of a rollout noted."""

import math
from typing import Final

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.absence import count_ones, count_work
from homeostat.detectors.leaf.arrays import (
    CANDIDATE,
    CHUNK,
    CODE,
    COUNT_DUPLICATE,
    COUNT_LATE,
    COUNT_REMARKS,
    FLAGS,
    ID,
    KEEPS_PRIVATE,
    KIND,
    LAST_CANDIDATE_MS,
    LATE_RECORDS,
    OFFSET,
    PAIR,
    PART,
    PRIVATE,
    RELEASE,
    REMARK,
    ROW_FEEDBACK,
    ROW_START,
    ROW_WORK,
    SESSION,
    SIDE_CANDIDATE,
    SIDE_CONTROL,
    SLOT,
    STARTED,
    TAIL,
    TENANT,
    TIME,
    WORKED,
    CohortArrays,
    Ints,
    PairArrays,
    SeenArrays,
    SessionArrays,
    WindowArrays,
)
from homeostat.detectors.leaf.bands import BAND_FLAGS
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.pair import note_occurrences, start_pair_session
from homeostat.detectors.leaf.plan import (
    DEDUPE_MOST,
    DEDUPE_MS,
    FEEDBACK,
    REMEMBERED_MS,
    SESSION_MS,
    WORK,
    PlanArrays,
)
from homeostat.detectors.leaf.tables import add_seen, index_sessions, place_of_session, put_session
from homeostat.detectors.leaf.window import slide_window
from homeostat.schemas.signal import LOG_DECADES

RETURNED: Final = 50
"""Where a tenth of the sessions have a release, so many in a row have another one once in two thousand."""
_LOG_RANGE = math.log1p(LOG_DECADES)


@inlined
def open_session(row: int, line: Ints, sessions: SessionArrays) -> None:
    """Begin a session in its row."""
    sessions.slot[row] = line[SLOT]
    sessions.part[row] = line[PART]
    sessions.lane[row] = FEEDBACK if line[KIND] == ROW_FEEDBACK else WORK
    sessions.flags[row] = 0
    sessions.pair[row] = line[PAIR]
    sessions.records[row] = 0
    sessions.opened_ms[row] = line[TIME]
    sessions.mark[row] = line[OFFSET]
    sessions.sums[row, :] = 0
    sessions.counts[row, :] = 0
    for part in range(3):
        sessions.name[row, part] = line[SESSION + part]


@inlined
def find_session(line: Ints, plan: PlanArrays, sessions: SessionArrays, seeds: Ints, cursor: Ints) -> int:
    """Give the row of the record's session, opened now if it is new; −1 for one that is closed, but remembered."""
    rows = sessions.slot.shape[0] - 1
    if 2 * sessions.marks[1] > sessions.table.shape[0]:
        index_sessions(cursor[TAIL], seeds, sessions)
    lane = FEEDBACK if line[KIND] == ROW_FEEDBACK else WORK
    place = place_of_session(line[SLOT], lane, line[SESSION : SESSION + 3], seeds, sessions)
    found = -2
    if place >= 0:
        row = (sessions.table[place] - 1) & rows
        age_ms = line[TIME] - sessions.opened_ms[row]
        if age_ms < plan.times[SESSION_MS]:
            found = row
        elif age_ms < plan.times[REMEMBERED_MS]:
            found = -1
    if found == -2:
        put_session(place, cursor[TAIL], sessions)
        found = cursor[TAIL] & rows
        open_session(found, line, sessions)
        cursor[TAIL] += 1
    return found


@inlined
def add_record(row: int, line: Ints, values: Floats, plan: PlanArrays, sessions: SessionArrays) -> None:
    """Add one trace's values (scaled to [0, 1], then 2⁻²⁰ rounded half up) to its session.

    The first trace says in which part of the week the work was, not the report of a start.
    """
    if sessions.records[row] == 0:
        sessions.part[row] = line[PART]
    sessions.records[row] += 1
    if line[KIND] == ROW_WORK and not sessions.flags[row] & WORKED:
        sessions.flags[row] |= WORKED | (line[FLAGS] & BAND_FLAGS)
    if line[FLAGS] & KEEPS_PRIVATE:
        sessions.flags[row] |= PRIVATE
    for s in range(values.shape[0]):
        if not math.isnan(values[s]):
            x = (values[s] - plan.low[s]) / plan.width[s]
            x = min(max(x, 0.0), 1.0)
            if plan.logarithmic[s]:
                x = math.log1p(LOG_DECADES * x) / _LOG_RANGE
            sessions.sums[row, s] += math.floor(x * VALUE_SCALE + 0.5)
            sessions.counts[row, s] += 1


@inlined
def note_release(slot: int, release: int, now_ms: int, cohorts: CohortArrays) -> None:
    """Move a release to the front of those seen lately in the cohort; note when it came after another.

    One that was there before comes back only when `RETURNED` records in a row are its: a release that only some
    sessions have stays the newest one, since its first record.
    """
    seen, back = cohorts.releases[slot], cohorts.returning[slot]
    if seen[0] == release:
        if back[0]:
            back[0] = 0
            cohorts.dirty[slot] = 1
        return
    cohorts.dirty[slot] = 1
    since_ms, is_known = now_ms, False
    for place in range(1, seen.shape[0]):
        is_known = is_known or seen[place] == release
    if is_known:
        if not back[0]:
            back[1] = now_ms
        back[0] += 1
        if back[0] < RETURNED:
            return
        since_ms = back[1]
    if seen[0] >= 0:
        cohorts.release_ms[slot] = since_ms
    back[0] = 0
    moved = release
    for place in range(seen.shape[0]):
        held = seen[place]
        seen[place] = moved
        moved = held
        if held == release:
            break


@inlined
def note_rollout(line: Ints, is_late: bool, cohorts: CohortArrays, pairs: PairArrays) -> None:
    """Note that a rollout's arm is alive, or that a record came too late for its session."""
    pair = line[PAIR]
    if pairs.active[pair]:
        pairs.changed[pair] = 1
        pairs.dirty[pair] = 1
        if cohorts.arm[line[SLOT]] == CANDIDATE:
            pairs.tally[pair, LAST_CANDIDATE_MS] = line[TIME]
        if is_late:
            pairs.tally[pair, LATE_RECORDS] += 1


@inlined
def is_counted_only(line: Ints, plan: PlanArrays, seen: SeenArrays, seeds: Ints, counts: Ints) -> bool:
    """Whether a trace is a duplicate, or of one cohort too many; counts that and what its route remarks."""
    new = add_seen(line[ID : ID + 3], line[TIME], plan.times[DEDUPE_MS], plan.times[DEDUPE_MOST], seeds, seen)
    if not new:
        counts[COUNT_DUPLICATE] += 1
    elif line[REMARK]:
        counts[COUNT_REMARKS + line[REMARK]] += 1
    return not new or line[SLOT] < 0


@inlined
def fold_session(
    line: Ints,
    values: Floats,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    pairs: PairArrays,
    seeds: Ints,
    counts: Ints,
    cursor: Ints,
) -> None:
    """Add a trace, or the start that a gateway reported, to its session."""
    row = find_session(line, plan, sessions, seeds, cursor)
    if line[PAIR] >= 0:
        note_rollout(line, row < 0, cohorts, pairs)
    if row < 0:
        counts[COUNT_LATE] += 1
        cohorts.tally[line[SLOT], 1] += 1
        cohorts.dirty[line[SLOT]] = 1
        return
    sessions.chunk_dirty[row // CHUNK] = 1
    if line[RELEASE] >= 0 and line[KIND] == ROW_WORK:
        note_release(line[SLOT], line[RELEASE], line[TIME], cohorts)
    if plan.absent.shape[0] and line[KIND] == ROW_WORK and not sessions.flags[row] & WORKED:
        count_work(line, plan, cohorts, counts)
    if line[KIND] != ROW_START:
        add_record(row, line, values, plan, sessions)
        if line[PAIR] >= 0 and cohorts.arm[line[SLOT]] == CANDIDATE:
            note_occurrences(line[PAIR], values, plan, pairs, cursor)
    elif not sessions.flags[row] & STARTED:
        sessions.flags[row] |= STARTED
        if line[PAIR] >= 0 and pairs.active[line[PAIR]]:
            side = SIDE_CANDIDATE if cohorts.arm[line[SLOT]] == CANDIDATE else SIDE_CONTROL
            start_pair_session(line[PAIR], side, pairs, counts)


@inlined
def fold_row(
    line: Ints,
    values: Floats,
    plan: PlanArrays,
    sessions: SessionArrays,
    cohorts: CohortArrays,
    pairs: PairArrays,
    window: WindowArrays,
    seen: SeenArrays,
    seeds: Ints,
    counts: Ints,
    cursor: Ints,
) -> None:
    """Take one record over."""
    if line[CODE] >= 0:
        slide_window(line[TENANT], line[CODE], plan, window, cursor)
    kind = line[KIND]
    traced = kind in (ROW_WORK, ROW_FEEDBACK)
    if traced:
        traced = not is_counted_only(line, plan, seen, seeds, counts)
    if traced and kind == ROW_FEEDBACK and plan.absent.shape[0]:
        count_ones(line, values, plan, cohorts)
    if traced or kind == ROW_START:
        fold_session(line, values, plan, sessions, cohorts, pairs, seeds, counts, cursor)
