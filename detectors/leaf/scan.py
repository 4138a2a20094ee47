"""The scanner: reads plain work traces from a batch's bytes into rows, without an object a record.

It accepts a subset of what the contract accepts, with equal values (a property test holds that): ASCII without escapes,
plain ids and numbers, no lists. Everything else it leaves to `TraceDecoder`.
"""

import numpy as np

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.arrays import (
    EVENT_BYTES,
    FLAGS,
    ID,
    KEEPS_PRIVATE,
    KIND,
    PAIR,
    PART,
    RELEASE,
    REMARK,
    ROW_TEXT,
    ROW_UNREAD,
    ROW_UNREAD_FEEDBACK,
    ROW_WORK,
    SESSION,
    SLOT,
    TENANT,
    TEXT_AT,
    TIME,
    VALUE_BYTES,
    WORK_MS,
    Bytes,
    Ints,
    RouteArrays,
    ScanArrays,
)
from homeostat.detectors.leaf.bands import AGE_SHIFT, SEX_SHIFT
from homeostat.detectors.leaf.find_route import find_route
from homeostat.detectors.leaf.inlined import inlined
from homeostat.detectors.leaf.parts import HOUR_MS, HOURS
from homeostat.detectors.leaf.scan_json import (
    end_string,
    find_word,
    is_id,
    is_word,
    letter,
    match_word,
    read_count,
    read_id,
    read_number,
    skip_space,
)
from homeostat.detectors.leaf.scan_words import (
    ACTOR,
    AGE_BAND,
    AGE_STARTS,
    AGE_WORDS,
    ARM,
    ARM_STARTS,
    ARM_WORDS,
    CATEGORIES,
    CONSENT,
    CONSENT_STARTS,
    CONSENT_WORDS,
    FIELD_STARTS,
    FIELD_WORDS,
    KIND_FIELD,
    KIND_STARTS,
    KIND_WORDS,
    PRIVATE_CONSENT,
    REQUIRED,
    ROLLOUT,
    SESSION_ID,
    SEX_BAND,
    SEX_STARTS,
    SEX_WORDS,
    SIGNALS,
    TENANT_NAME,
    TEXTS,
    TRACE_ID,
    UNKNOWN_AGE,
    UNKNOWN_SEX,
    VERSION_FIELD,
    VERSION_STARTS,
    VERSION_WORDS,
    WORK_ID,
    WORK_TIME,
)
from homeostat.schemas.base import MAX_EPOCH_MS

_QUOTE, _COMMA, _COLON, _OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 34, 44, 58, 123, 125, 91, 93
_LONG = 16
_NULL = np.frombuffer(b"null", np.uint8)


@inlined
def clear_values(scan: ScanArrays, raw: Floats) -> None:
    """Let a row's values be those of a trace that names none."""
    for s in range(raw.shape[0]):
        raw[s] = scan.absent[s]


@inlined
def scan_signals(text: Bytes, at: int, end: int, scan: ScanArrays, raw: Floats) -> int:
    """Read the signals' object into `raw`; the position after it, or −1."""
    clear_values(scan, raw)
    if at >= end or letter(text, at) != _OPEN:
        return -1
    at = skip_space(text, at + 1, end)
    if at < end and letter(text, at) == _CLOSE:
        return at + 1
    guess, names = 0, scan.signal_starts
    while at < end and letter(text, at) == _QUOTE and names.shape[0] > 1:
        place, stop = guess, at + 1 + names[guess + 1] - names[guess]
        if not match_word(text, at + 1, end, scan.signal_words, names[guess], names[guess + 1]):
            stop = end_string(text, at + 1, end)
            place = find_word(text, at + 1, stop, scan.signal_words, names) if stop >= 0 else -1
        at = skip_space(text, stop + 1, end)
        if place < 0 or at >= end or letter(text, at) != _COLON:
            return -1
        value, at = read_number(text, skip_space(text, at + 1, end), end)
        column = scan.first_column[0] + place
        if at < 0 or (scan.checked[column] and not scan.low[column] <= value <= scan.high[column]):
            return -1
        raw[column] = value
        guess = place + 1 if place + 2 < scan.signal_starts.shape[0] else 0
        at = skip_space(text, at, end)
        if at < end and letter(text, at) == _CLOSE:
            return at + 1
        if at >= end or letter(text, at) != _COMMA:
            return -1
        at = skip_space(text, at + 1, end)
    return -1


@inlined
def scan_value(text: Bytes, field: int, at: int, end: int, scan: ScanArrays, raw: Floats) -> int:
    """Read one field's value: where it stands goes to `scan.spans`; the position after it, or −1.

    A long string (an id, a digest) is first tried with the length that the field had before. What it holds is not
    looked at here: every string is compared or read letter by letter later, and nothing with a quote in it is accepted.
    So a field that is there twice is left to the contract: the first of its strings would never be looked at.
    """
    if field == SIGNALS:
        return scan_signals(text, at, end, scan, raw)
    if field == WORK_TIME:
        scan.spans[field, 0], at = read_count(text, at, end)
        return at
    if field < TEXTS or field == ROLLOUT:
        if scan.spans[field, 0] >= 0:
            return -1
        if at < end and letter(text, at) == _QUOTE:
            stop = at + 1 + scan.length[field]
            if scan.length[field] < _LONG or stop >= end or letter(text, stop) != _QUOTE:
                stop = end_string(text, at + 1, end)
                scan.length[field] = stop - at - 1
            scan.spans[field, 0], scan.spans[field, 1] = at + 1, stop
            return stop + 1 if stop >= 0 else -1
        if field == ROLLOUT and at + 4 <= end and is_word(text, at, at + 4, _NULL, 0, 4):
            scan.spans[field, 0] = -1
            return at + 4
        return -1
    opening, closing = (_OPEN, _CLOSE) if field == CATEGORIES else (_OPEN_LIST, _CLOSE_LIST)
    if at >= end or letter(text, at) != opening:
        return -1
    at = skip_space(text, at + 1, end)
    return at + 1 if at < end and letter(text, at) == closing else -1


@inlined
def scan_object(text: Bytes, at: int, end: int, scan: ScanArrays, raw: Floats) -> bool:
    """Read a trace's object from `at` to exactly `end`."""
    scan.spans[:, 0] = -1
    clear_values(scan, raw)
    at = skip_space(text, at, end)
    if at >= end or letter(text, at) != _OPEN:
        return False
    at = skip_space(text, at + 1, end)
    before = FIELD_STARTS.shape[0] - 1
    while at < end and letter(text, at) == _QUOTE:
        field = scan.next_field[before]
        stop = at + 1 + FIELD_STARTS[field + 1] - FIELD_STARTS[field]
        if not match_word(text, at + 1, end, FIELD_WORDS, FIELD_STARTS[field], FIELD_STARTS[field + 1]):
            stop = end_string(text, at + 1, end)
            field = find_word(text, at + 1, stop, FIELD_WORDS, FIELD_STARTS) if stop >= 0 else -1
        at = skip_space(text, stop + 1, end)
        if field < 0 or at >= end or letter(text, at) != _COLON:
            return False
        scan.next_field[before] = field
        before = field
        at = scan_value(text, field, skip_space(text, at + 1, end), end, scan, raw)
        if at < 0:
            return False
        at = skip_space(text, at, end)
        if at < end and letter(text, at) == _CLOSE:
            return skip_space(text, at + 1, end) == end
        if at >= end or letter(text, at) != _COMMA:
            return False
        at = skip_space(text, at + 1, end)
    return False


@inlined
def place_of(text: Bytes, field: int, words: Bytes, starts: Ints, absent: int, scan: ScanArrays) -> int:
    """Give the place of a field's word in a closed list, `absent` where it is not given; −1 for another word."""
    if scan.spans[field, 0] < 0:
        return absent
    return find_word(text, scan.spans[field, 0], scan.spans[field, 1], words, starts)


@inlined
def check_fields(text: Bytes, line: Ints, scan: ScanArrays, most_ahead_ms: int) -> bool:
    """Whether the scanned fields are good, and those of the event and the key they came with; fills ids and flags."""
    for field in range(REQUIRED):
        if scan.spans[field, 0] < 0:
            return False
    spans = scan.spans
    event_at = line[TEXT_AT] - line[EVENT_BYTES]
    names = scan.tenant_starts
    tenant = line[TENANT]
    if spans[ROLLOUT, 0] >= 0 and not is_id(text, spans[ROLLOUT, 0], spans[ROLLOUT, 1]):
        return False
    if not is_word(text, spans[TRACE_ID, 0], spans[TRACE_ID, 1], text, event_at, event_at + line[EVENT_BYTES]):
        return False
    if not is_word(
        text, spans[TENANT_NAME, 0], spans[TENANT_NAME, 1], scan.tenant_words, names[tenant], names[tenant + 1]
    ):
        return False
    work_time_ms = spans[WORK_TIME, 0]
    if work_time_ms > MAX_EPOCH_MS or work_time_ms > line[TIME] + most_ahead_ms:
        return False
    line[WORK_MS] = work_time_ms
    line[PART] = scan.part_of_hour[work_time_ms // HOUR_MS % HOURS]
    consent = place_of(text, CONSENT, CONSENT_WORDS, CONSENT_STARTS, PRIVATE_CONSENT, scan)
    age = place_of(text, AGE_BAND, AGE_WORDS, AGE_STARTS, UNKNOWN_AGE, scan)
    sex = place_of(text, SEX_BAND, SEX_WORDS, SEX_STARTS, UNKNOWN_SEX, scan)
    line[FLAGS] = KEEPS_PRIVATE if consent == PRIVATE_CONSENT else 0
    line[FLAGS] |= (age + 1) % (UNKNOWN_AGE + 1) << AGE_SHIFT | (sex + 1) % (UNKNOWN_SEX + 1) << SEX_SHIFT
    return (
        consent >= 0
        and place_of(text, VERSION_FIELD, VERSION_WORDS, VERSION_STARTS, 0, scan) >= 0
        and place_of(text, KIND_FIELD, KIND_WORDS, KIND_STARTS, 0, scan) >= 0
        and age >= 0
        and sex >= 0
        and place_of(text, ARM, ARM_WORDS, ARM_STARTS, -1, scan) >= 0
        and is_id(text, spans[ACTOR, 0], spans[ACTOR, 1])
        and is_id(text, spans[WORK_ID, 0], spans[WORK_ID, 1])
        and read_id(text, spans[TRACE_ID, 0], spans[TRACE_ID, 1], line[ID : ID + 3])
        and read_id(text, spans[SESSION_ID, 0], spans[SESSION_ID, 1], line[SESSION : SESSION + 3])
    )


@inlined
def fill_bands(text: Bytes, scan: ScanArrays, raw: Floats) -> None:
    """Write the columns of age and sex bands."""
    for i in range(scan.bands.shape[0]):
        first = scan.bands[i, 0]
        if scan.bands[i, 1]:
            place, count = place_of(text, SEX_BAND, SEX_WORDS, SEX_STARTS, UNKNOWN_SEX, scan), SEX_STARTS.shape[0] - 1
        else:
            place, count = place_of(text, AGE_BAND, AGE_WORDS, AGE_STARTS, UNKNOWN_AGE, scan), AGE_STARTS.shape[0] - 1
        raw[first : first + count] = 0.0
        raw[first + place] = 1.0


@borrowing
def scan_rows(rows: Ints, raw: Floats, text: Bytes, most_ahead_ms: int, scan: ScanArrays, routes: RouteArrays) -> int:
    """Read the rows that come as text; those that are not plain, or whose route is new, become ROW_UNREAD: how many."""
    unread = 0
    for i in range(rows.shape[0]):
        line = rows[i]
        if line[KIND] == ROW_UNREAD_FEEDBACK:
            unread += 1
        if line[KIND] != ROW_TEXT:
            continue
        end = line[TEXT_AT] + line[VALUE_BYTES]
        line[KIND] = ROW_UNREAD
        unread += 1
        if not scan_object(text, line[TEXT_AT], end, scan, raw[i]) or not check_fields(text, line, scan, most_ahead_ms):
            scan.length[:] = 0
            continue
        fill_bands(text, scan, raw[i])
        route = find_route(text, scan.spans, line[TENANT], routes)
        if route >= 0:
            line[SLOT], line[PAIR] = routes.found[route, 0], routes.found[route, 1]
            line[RELEASE], line[REMARK] = routes.found[route, 2], routes.found[route, 3]
            line[ID + 2] |= scan.tenant_numbers[line[TENANT]]
            line[KIND] = ROW_WORK
            unread -= 1
    return unread
