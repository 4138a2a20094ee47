"""Headers of columns in the bytes that Kafka's message format 2 has for them: what a `RecordBlock` finds them in."""

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.record_index import Bytes, Ints, copy_bytes

MOST_LENGTHS = 10
"""Bytes that the two lengths of one header take at most."""


@borrowing
def write_varint(out: Bytes, at: int, number: int) -> int:
    """Write a number from −1 to 2³¹ in zigzag; the position after it."""
    left = number << 1 if number >= 0 else 1
    while left > 127:
        out[at] = left & 127 | 128
        left >>= 7
        at += 1
    out[at] = left
    return at + 1


@borrowing
def append_bytes(out: Bytes, at: int, content: Bytes) -> int:
    """Write bytes; the position after them."""
    end = int(at + content.shape[0])
    copy_bytes(content, out[at:end])
    return end


@borrowing
def write_headers(
    ends: Ints, names: Ints, name_text: Bytes, name_ends: Ints, text: Bytes, places: Ints, begins: Ints, out: Bytes
) -> int:
    """Write the headers of all rows one after the other; `begins` is filled with where each row's are; gives the size.

    Row i has the headers from `ends[i]` on; header h has the name `names[h]` of those in `name_text`, and the value
    in `text` from `places[h, 0]` to `places[h, 1]`, none where that is before it.
    """
    at = 0
    for row in range(begins.shape[0]):
        begins[row] = at
        for header in range(ends[row], ends[row + 1]):
            first, end = name_ends[names[header]], name_ends[names[header] + 1]
            at = append_bytes(out, write_varint(out, at, end - first), name_text[first:end])
            first, end = places[header, 0], places[header, 1]
            at = write_varint(out, at, max(end - first, -1))
            if end > first:
                at = append_bytes(out, at, text[first:end])
    return at
