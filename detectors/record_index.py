"""Where the records of Kafka's record batches (message format 2) lie in their bytes, found without an object a record.

Source: Kafka's protocol documentation, 'Record Batch' and 'Record'. Every length is checked against the bytes that are
there, headers too, and offsets rise: what is read later at these places needs no checks.
"""

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.compiled import borrowing

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

SECTION_AT, SECTION_END, COUNT, BASE_OFFSET, FIRST_TIMESTAMP, LOG_TIMESTAMP, WANTED = range(7)
SECTION_COLUMNS = 7
"""A batch's records: their bytes, number, what offsets and timestamps count from; the log's own timestamp (−1 where
each record has its own); records before offset `WANTED` are left out."""
OFFSET, TIMESTAMP, KEY_AT, KEY_BYTES, VALUE_AT, VALUE_BYTES, HEADERS_AT, HEADERS = range(8)
SPAN_COLUMNS = 8
"""One record: `KEY_BYTES` or `VALUE_BYTES` −1 for none; `HEADERS` is their number, the first begins at `HEADERS_AT`."""
HEADER_COLUMNS = 4
"""One header: its name's place and length, its value's (length 0 for none)."""
_MOST_SHIFT = 63


@borrowing
def copy_bytes(source: Bytes, target: Bytes) -> None:
    """Copy an array into one as long: of slices, because the compiler then moves many bytes at a time."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@borrowing
def read_varint(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Give a zigzag number and the position after it; position −1 where it does not end, or where `at` is −1."""
    value = np.int64(0)
    shift = 0
    while 0 <= at < end and shift <= _MOST_SHIFT:
        part = np.int64(text[at])
        value |= (part & 127) << shift
        at += 1
        if part < 128:
            return int(((value >> 1) & 0x7FFFFFFFFFFFFFFF) ^ -(value & 1)), at
        shift += 7
    return 0, -1


@borrowing
def skip_bytes(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Read a length and skip as many bytes: (length, −1 for none; position after them, −1 if they are cut)."""
    length, at = read_varint(text, at, end)
    if at < 0 or length < -1 or length > end - at:
        return 0, -1
    return length, at + max(length, 0)


@borrowing
def index_headers(text: Bytes, at: int, end: int, count: int, out: Ints) -> int:
    """Note where `count` headers lie, as many as `out` has rows; the position after them, −1 if they are cut."""
    for number in range(count):
        length, at = skip_bytes(text, at, end)
        if at < 0 or length < 0:
            return -1
        name_at, name_bytes = at - length, length
        length, at = skip_bytes(text, at, end)
        if at < 0:
            return -1
        if number < out.shape[0]:
            out[number, 0], out[number, 1] = name_at, name_bytes
            out[number, 2], out[number, 3] = at - max(length, 0), max(length, 0)
    return at


@borrowing
def index_record(text: Bytes, at: int, end: int, section: Ints, span: Ints) -> bool:
    """Note where a record lies that begins at `at`, after its length, and may reach to `end`; whether it is whole."""
    at += 1
    ahead_ms, at = read_varint(text, at, end)
    ahead, at = read_varint(text, at, end)
    key_bytes, at = skip_bytes(text, at, end)
    key_at = at - max(key_bytes, 0)
    value_bytes, at = skip_bytes(text, at, end)
    value_at = at - max(value_bytes, 0)
    headers, at = read_varint(text, at, end)
    if at < 0 or headers < 0:
        return False
    logged_ms = section[LOG_TIMESTAMP]
    span[OFFSET] = section[BASE_OFFSET] + ahead
    span[TIMESTAMP] = section[FIRST_TIMESTAMP] + ahead_ms if logged_ms < 0 else logged_ms
    span[KEY_AT], span[KEY_BYTES] = key_at, key_bytes
    span[VALUE_AT], span[VALUE_BYTES] = value_at, value_bytes
    span[HEADERS_AT], span[HEADERS] = at, headers
    return True


@borrowing
def index_sections(text: Bytes, sections: Ints, spans: Ints, nothing: Ints) -> int:
    """Note the records of all sections in `spans`, in order; how many, or −1 − the number of a section that is corrupt.

    Offsets rise within a section, or it is corrupt. `nothing` is an array of no headers.
    """
    size = 0
    for number in range(sections.shape[0]):
        section = sections[number]
        at = section[SECTION_AT]
        least = section[BASE_OFFSET]
        for _ in range(section[COUNT]):
            length, at = read_varint(text, at, section[SECTION_END])
            end = at + length
            if at < 0 or length < 1 or end > section[SECTION_END]:
                return -1 - number
            span = spans[size]
            if not index_record(text, at, end, section, span) or span[OFFSET] < least:
                return -1 - number
            least = span[OFFSET] + 1
            if index_headers(text, span[HEADERS_AT], end, span[HEADERS], nothing) != end:
                return -1 - number
            at = end
            if span[OFFSET] >= section[WANTED]:
                size += 1
        if at != section[SECTION_END]:
            return -1 - number
    return size
