"""The leaf's arrays: what the kernel works on. Rows are sessions, cohorts (slots), layers or pairings.

They are owned by the stores (`sessions`, `cohorts`, `layers`, `pairings`, `refusals`), which grow them.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import Floats

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]

BASELINE, CONTROL, CANDIDATE = 0, 1, 2
STARTED, WORKED, PRIVATE = 1, 2, 4
"""Flags of a session: the gateway reported its start; a work trace came; a record was not to be shared."""
CHUNK: Final = 128
"""Sessions in one state record."""
SEGMENT: Final = 16
"""Rows of a cohort's ring in one state record."""


class SessionArrays(NamedTuple):
    """Sessions in order of opening; the row of position p is p modulo the capacity, a power of two.

    `slot` is that of its leaf, `part` the part of the week. `sums` (int64 [row, signal], 2⁻²⁰) and `counts` add up the
    records' values; `mark` is the offset that opened it;
    `name` is the numbered session id [row, (high, low, form)].
    Derived: `table` finds positions (+ 1, 0 for none) by slot, lane and name, with open addressing; `marks` are the
    first position kept and the places used in the table.
    """

    slot: Shorts
    part: Bytes
    lane: Bytes
    flags: Bytes
    pair: Shorts
    records: Shorts
    opened_ms: Ints
    mark: Ints
    sums: Ints
    counts: Shorts
    name: Ints
    chunk_dirty: Bytes
    table: Ints
    marks: Ints


class SeenArrays(NamedTuple):
    """Trace ids in order of arrival; the row of number n is n modulo the capacity, a power of two.

    `name` [row, (high, low, tenant and form)]. Derived: `table` finds numbers (+ 1, 0 for none) by name; `marks` are
    the first number kept, the next one, and the places used in the table.
    """

    name: Ints
    time_ms: Ints
    table: Ints
    marks: Ints


class RouteArrays(NamedTuple):
    """Known combinations of tags: `found` [route, (slot, pair, release, remark)], by tenant and the tags' bytes.

    `table` holds numbers (+ 1, 0 for none) with open addressing; `tags` the bytes of all of them, route r's at
    `starts[r]`; `size` the number of routes.
    """

    table: Ints
    tenant: Ints
    found: Ints
    tags: Bytes
    starts: Ints
    size: Ints


class DoorArrays(NamedTuple):
    """Kafka keys whose plain traces are let in: door d's key is keys[starts[d]:starts[d + 1]], its tenant `tenant[d]`.

    `table` holds numbers (+ 1, 0 for none) with open addressing; `size` the number of doors. `master_words` are the
    active masters.
    """

    table: Ints
    keys: Bytes
    starts: Ints
    tenant: Ints
    size: Ints
    master_words: Bytes
    master_starts: Ints


class ScanArrays(NamedTuple):
    """What the scanner knows and where it writes.

    `signal_words` are the names of the work signals, which fill the columns from `first_column` on; `checked` columns
    must lie in [low, high]; `absent` are the values of a trace that names none; `bands` [n, (first column, sex rather
    than age)] are columns of age and sex bands. `part_of_hour` is the part of each hour of the week. `tenant_words` are
    the tenants by number, `tenant_numbers` stand for them beside ids.
    Scratch: `spans` [field, (start, stop)]; guesses: `next_field`, the one that last followed each, and `length`.
    """

    signal_words: Bytes
    signal_starts: Ints
    first_column: Ints
    checked: Bytes
    low: Floats
    high: Floats
    absent: Floats
    bands: Ints
    part_of_hour: Ints
    tenant_words: Bytes
    tenant_starts: Ints
    tenant_numbers: Ints
    spans: Ints
    next_field: Ints
    length: Ints


class CohortArrays(NamedTuple):
    """Leaf cohorts by slot: one for each part of the week; the first of a leaf, its `owner`, has what they share.

    They share `evidence`, `last_ms`, `releases`, `release_ms` (since when the newest is there, −1 for always),
    `returning` (records since the newest was seen last, and when the first of them came), `shared_bucket` and `tally`;
    everything else is of a part.

    Kept in the state: `moments` [slot, signal, (n, sum, squares high, low)]; `histogram` [slot, signal, bin];
    `evidence` M [slot, signal, (up, down), bet]; `last_ms` of each monitor's step; `reference` [slot, signal, (n, mean,
    lower, upper)] of the baseline arm; `pending` signals still to be sealed from sessions that began after offset
    `seal_after`, `seal_seen` of `seal_sessions` so far a signal; `first_ms`, when the first session began (−1 for
    none); `centre` [slot, signal], what the distances of a spread's reference are from (2⁻²⁰); the ring of recent
    session values `ring` [slot, row, signal] at 2⁻²⁰ (−1 for none), with `ring_ms`, the sessions' ids `ring_id` and the
    number ever pushed `ring_count`, a lane each; `shared_bucket`, the last bucket in which it fed layers across
    tenants; `tally` (sessions closed, late records); `releases` seen lately, the newest first (numbers of the store's
    table, −1 for none); `slopes` [slot, signal, input], what the inputs' values say of a signal's, sealed with the
    reference; what was `learned` since; `shared` [slot, signal, (n, sum so far, n, sum sealed)], the shared sessions of
    a reference, at 2⁻²⁰; for each column of which absence means 0 the open buckets of `works` [slot, place, bucket,
    (works, ones, first offset, private)] and the sessions last `told` of [slot, place, n, (high, low, form, time of the
    work)].
    Of the partition, not of a slot: `next_bucket` of such a column, the first that is not settled.
    Derived: `collects` (whether a lane has pending signals), `parts` (slots of the parts of a leaf), `groups` (those of
    the bands in its workflow), `home` (slot of the baseline arm in this part), `layers` (rows of its parents), `arm`,
    `borrowed` [slot, signal, (tenants, mean, lower, upper)] for what has no reference, `sealed` (whether a reference
    was since the pools were told), `null` and `stakes` of the bets.
    """

    moments: Ints
    histogram: Shorts
    evidence: Floats
    last_ms: Ints
    reference: Floats
    slopes: Floats
    learned: Ints
    shared: Ints
    pending: Bytes
    collects: Bytes
    seal_after: Ints
    seal_seen: Shorts
    seal_sessions: Shorts
    first_ms: Ints
    centre: Ints
    ring: Shorts
    ring_ms: Ints
    ring_id: Ints
    ring_count: Ints
    shared_bucket: Ints
    tally: Ints
    releases: Shorts
    release_ms: Ints
    returning: Ints
    works: Ints
    told: Ints
    next_bucket: Ints
    groups: Shorts
    parts: Shorts
    owner: Shorts
    home: Shorts
    layers: Shorts
    arm: Bytes
    borrowed: Floats
    sealed: Bytes
    null: Floats
    stakes: Floats
    dirty: Bytes


class LayerArrays(NamedTuple):
    """Parents' sums of the open bucket.

    `sums` [row, signal, (sessions, total, squares high, low, bet sessions, expected)], `histogram`, `log_e` [row,
    signal, (up, down), bet] at 2⁻³² nats, without the last e-values: their `product` is still to be logged; `tally`
    (sessions, records, shared sessions of the tenant, sessions in the products).
    """

    sums: Ints
    histogram: Shorts
    log_e: Ints
    product: Floats
    tally: Ints
    dirty: Bytes


class PairArrays(NamedTuple):
    """A rollout in one tenant × specialty × workflow.

    `queue` [row, signal, (candidate, control), place] are session values at 2⁻²⁰ that wait for a partner, a ring each
    with `head` and `length`; `sums` [row, signal, (pairs, sum d, candidate n, sum, control n, sum)]; `harmful` and
    `non_inferior` log-e by bet; `ratio` log-e; `tally` see the constants; `block` candidates and controls in a pair;
    `limits` [row, test, (from, to)] the log-e between which a test's rise is told at once; `log_e` [row, signal, test]
    its mixture, tests being (harmful, non-inferior). A signal that is no guardrail has no queue and only the arms'
    `sums`; `beside` [row, signal, (candidate n, sum, control n, sum, differences, sum d, sum d²)] begins
    with the sessions since its last difference, and `heard` says that some came since they were told. `since` is the
    offset at which the attempt began: sessions opened before it are in neither its ratio nor its missing work.
    `occurred` [row, signal]: whether what must never be has been, and is told.
    """

    active: Bytes
    since: Ints
    guarded: Bytes
    share: Floats
    block: Ints
    limits: Floats
    queue: Shorts
    head: Shorts
    length: Shorts
    sums: Ints
    harmful: Ints
    non_inferior: Ints
    ratio: Ints
    tally: Ints
    log_e: Floats
    beside: Ints
    heard: Bytes
    occurred: Bytes
    changed: Bytes
    urgent: Bytes
    dirty: Bytes


SIDE_CANDIDATE, SIDE_CONTROL = 0, 1
NOT_YET, UNTOLD, TOLD = 0, 1, 2
(
    CANDIDATE_STARTS,
    CONTROL_STARTS,
    CANDIDATE_MISSING,
    CONTROL_MISSING,
    LATE_RECORDS,
    LAST_CANDIDATE_MS,
    QUEUE_FULL,
) = range(7)
PAIR_TALLIES = 7
DIFFERENCES, BESIDE = 4, 7
"""Of `PairArrays.beside`: where the differences' number and sums begin, and how many numbers there are."""


class WindowArrays(NamedTuple):
    """The last authenticated records: whose, and whether refused (1) or refused by shape (2); counts a tenant."""

    tenant: Shorts
    code: Bytes
    seen: Shorts
    refused: Shorts
    misshapen: Shorts


class Scratch(NamedTuple):
    """What the kernel writes while it closes one session; `events` and `numbers` are for its caller.

    `values` by signal; `factors`, the e-values of one signal [(up, down), bet]; `parents`, the rows of the layers fed;
    `events` [event, column] with the mixture's value in `numbers`.
    """

    values: Ints
    factors: Floats
    parents: Ints
    events: Ints
    numbers: Floats


# What a batch's rows say, one int64 a column. The first eight are given; the scanner or the contract's decoder fills in
# the rest of a row that comes as text. ID and SESSION have three columns: high, low, form (with the tenant for ID).
KIND, TIME, OFFSET, TENANT, CODE, VALUE_BYTES, EVENT_BYTES = range(7)
TEXT_AT, SLOT, FLAGS, PAIR, RELEASE, REMARK, ID, SESSION, PART, WORK_MS = 7, 8, 9, 10, 11, 12, 13, 16, 19, 20
COLUMNS = 21
ROW_NOTHING, ROW_WORK, ROW_FEEDBACK, ROW_START, ROW_REFUSED, ROW_TEXT, ROW_UNREAD, ROW_UNREAD_FEEDBACK = range(8)
KEEPS_PRIVATE = 1
NOT_COUNTED, ACCEPTED, REFUSED, MISSHAPEN = -1, 0, 1, 2
REMARK_NONE, REMARK_LIMIT, REMARK_MISMATCH, REMARK_UNKNOWN = range(4)

# Where the kernel stands; kept between calls.
AT_ROW, CLOSE, TAIL, BUCKET_END, SETTLE_AT, EVENTS, URGENT = range(7)
WINDOW_NEXT, WINDOW_SIZE, ELIGIBLE, UNFIT, REFUSES_MOST = range(7, 12)
CURSOR = 12
NEVER = 2**62
"""A time that does not come."""
DONE, HAS_EVENTS, BUCKET_ENDED, ROW_ENDED, SETTLE_DUE = range(5)
EVENT_COLUMNS = 4
"""An alarm: slot, signal, side, bet."""
COUNT_CLOSED, COUNT_LATE, COUNT_EMPTY, COUNT_QUEUE_FULL, COUNT_SATURATED, COUNT_OVER_QUOTA, COUNT_DUPLICATE = range(7)
COUNT_REMARKS = 6
"""Remark r is counted in COUNT_REMARKS + r."""
COUNT_WORK_TOO_OLD, COUNT_TOLD_ALONE = 10, 11
COUNTS = 12
