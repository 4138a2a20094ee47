"""The scanner's ground: spaces, strings, ids and numbers of JSON in a byte array. What it does not know, it refuses.

Positions are indices into `text` (uint8); −1 says 'not for the scanner', and the contract's own decoder takes over.
"""

import numpy as np

from homeostat.detectors.compiled import borrowing
from homeostat.detectors.leaf.arrays import Bytes, Ints
from homeostat.detectors.leaf.ids import UUID

_QUOTE, _BACKSLASH, _MINUS, _DOT, _ZERO, _NINE = 34, 92, 45, 46, 48, 57
_MOST_DIGITS = 18
_EXACT_DIGITS = 15
_EXACT_POWER = 22
_SPLITTER = 134217729.0
_POWERS = np.array([10.0**k for k in range(_EXACT_POWER + 1)])
HEX = np.full(256, -1, np.int64)
_PLAIN = np.array([32 <= letter <= 126 and letter not in (_QUOTE, _BACKSLASH) for letter in range(256)])
_SPACE = np.array([letter in b" \t\r\n" for letter in range(256)])
for _digit, _letter in enumerate(b"0123456789abcdef"):
    HEX[_letter] = _digit


@borrowing
def letter(text: Bytes, at: int) -> int:
    """Give the byte at a position ≥ 0: unsigned, so that the compiler makes no provision for counting from the end."""
    return text[np.uint64(at)]  # type: ignore[no-any-return]  # a number, whichever type holds it


@borrowing
def skip_space(text: Bytes, at: int, end: int) -> int:
    """Give the next position that is no white space."""
    while at < end and (
        letter(text, at) == 32 or letter(text, at) == 10 or letter(text, at) == 13 or letter(text, at) == 9
    ):
        at += 1
    return at


@borrowing
def end_string(text: Bytes, at: int, end: int) -> int:
    """Give the position of a string's closing quote, `at` being after its opening one; plain ASCII only."""
    while at < end:
        if not _PLAIN[letter(text, at)]:
            return at if letter(text, at) == _QUOTE else -1
        at += 1
    return -1


@borrowing
def is_word(text: Bytes, start: int, stop: int, words: Bytes, first: int, last: int) -> bool:
    """Whether text[start:stop] equals words[first:last]."""
    if stop - start != last - first:
        return False
    while start < stop and letter(text, start) == letter(words, first):
        start += 1
        first += 1
    return start == stop


@borrowing
def match_word(text: Bytes, start: int, end: int, words: Bytes, first: int, last: int) -> bool:
    """Whether the string that begins at `start` is words[first:last], with its closing quote."""
    stop = start + last - first
    return stop < end and letter(text, stop) == _QUOTE and is_word(text, start, stop, words, first, last)


@borrowing
def find_word(text: Bytes, start: int, stop: int, words: Bytes, starts: Ints) -> int:
    """Give the place of text[start:stop] among words (ends in `starts`); −1 for none."""
    for place in range(starts.shape[0] - 1):
        if is_word(text, start, stop, words, starts[place], starts[place + 1]):
            return place
    return -1


@borrowing
def read_id(text: Bytes, start: int, stop: int, out: Ints) -> bool:
    """Write an id's (high, low, form) as `ids.number_id` does; False for another form than hex digits or a UUID."""
    length = stop - start
    hyphens = length == UUID
    if not hyphens and not 16 <= length <= 32:
        return False
    high, low, bad = np.int64(0), np.int64(0), np.int64(0)
    split = stop - (18 if hyphens else 16)
    for i in range(start, stop):
        if hyphens and (i - start == 8 or i - start == 13 or i - start == 18 or i - start == 23):
            bad |= 0 if letter(text, i) == _MINUS else -1
            continue
        digit = HEX[letter(text, i)]
        bad |= digit
        if i < split:
            high = (high << 4) | digit
        else:
            low = (low << 4) | digit
    out[0], out[1], out[2] = high, low, length
    return bool(bad >= 0)


@borrowing
def is_id(text: Bytes, start: int, stop: int) -> bool:
    """Whether text[start:stop] is an opaque id: 16 to 64 hex digits and hyphens, digits at both ends."""
    length = stop - start
    if length < 16 or length > 64 or letter(text, start) == _MINUS or letter(text, stop - 1) == _MINUS:
        return False
    while start < stop and (HEX[letter(text, start)] >= 0 or letter(text, start) == _MINUS):
        start += 1
    return start == stop


@borrowing
def divide(mantissa: int, power: int) -> float:
    """Give mantissa / 10^power (0 ≤ power ≤ 22, mantissa < 10¹⁸) rounded once, by a quotient with its remainder.

    Dekker's product of the quotient and the power of ten is exact, so the remainder is; source: Dekker, 'A
    floating-point technique for extending the available precision' (1971).
    """
    divisor = _POWERS[power]
    high = float(mantissa)
    if mantissa < 10**_EXACT_DIGITS:
        return float(high / divisor)
    low = float(mantissa - int(high))
    quotient = high / divisor
    split = quotient * _SPLITTER
    q_high = split - (split - quotient)
    q_low = quotient - q_high
    split = divisor * _SPLITTER
    d_high = split - (split - divisor)
    d_low = divisor - d_high
    product = quotient * divisor
    error = ((q_high * d_high - product) + q_high * d_low + q_low * d_high) + q_low * d_low
    return float(quotient + ((high - product) - error + low) / divisor)


@borrowing
def read_digits(text: Bytes, at: int, end: int, mantissa: int, digits: int) -> tuple[int, int, int]:
    """Go on with a number's digits: mantissa, how many count (leading zeros do not), the position after them.

    It stops at the nineteenth that counts, with which the mantissa may have overflowed: then it is negative, never 0.
    """
    while at < end and _ZERO <= letter(text, at) <= _NINE and digits <= _MOST_DIGITS:
        mantissa = mantissa * 10 + (int(letter(text, at)) - _ZERO)
        digits += 1 if mantissa != 0 else 0
        at += 1
    return mantissa, digits, at


@borrowing
def read_number(text: Bytes, at: int, end: int) -> tuple[float, int]:
    """Give a number and the position after it; (0, −1) for what is none or needs more care than this."""
    sign = 1.0
    if at < end and letter(text, at) == _MINUS:
        sign = -1.0
        at += 1
    first, power = at, 0
    mantissa, digits, at = read_digits(text, at, end, 0, 0)
    if at == first or (letter(text, first) == _ZERO and at > first + 1):
        return 0.0, -1
    if at < end and letter(text, at) == _DOT:
        first = at + 1
        mantissa, digits, at = read_digits(text, first, end, mantissa, digits)
        power = at - first
        if power == 0:
            return 0.0, -1
    if at < end and (letter(text, at) == 101 or letter(text, at) == 69):
        exponent, at = read_exponent(text, at + 1, end)
        power -= exponent
    if at < 0 or digits > _MOST_DIGITS or power < 0 or power > _EXACT_POWER:
        return 0.0, -1
    return sign * divide(mantissa, power), at


@borrowing
def read_exponent(text: Bytes, at: int, end: int) -> tuple[int, int]:
    """Give an exponent (after its letter) and the position after it; (0, −1) for none or more than two digits."""
    sign = 1
    if at < end and (letter(text, at) == _MINUS or letter(text, at) == 43):
        sign = -1 if letter(text, at) == _MINUS else 1
        at += 1
    first, exponent = at, 0
    while at < end and _ZERO <= letter(text, at) <= _NINE and at - first < 3:
        exponent = exponent * 10 + (int(letter(text, at)) - _ZERO)
        at += 1
    if at == first or at - first > 2:
        return 0, -1
    return sign * exponent, at


@borrowing
def read_count(text: Bytes, start: int, end: int) -> tuple[int, int]:
    """Give a whole number of at most 13 digits and the position after it; (0, −1) for anything else."""
    at, value = start, 0
    while at < end and _ZERO <= letter(text, at) <= _NINE and at - start < 14:
        value = value * 10 + (int(letter(text, at)) - _ZERO)
        at += 1
    if at == start or at - start > 13 or (letter(text, start) == _ZERO and at > start + 1):
        return 0, -1
    return value, at
