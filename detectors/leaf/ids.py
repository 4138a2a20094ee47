"""Opaque ids as numbers: 128 bits and a form, equal exactly when the ids are equal.

16 to 32 hex digits are their own value (the form is their number), a hyphenated UUID is the value of its digits (form
36); any other id is the 128-bit BLAKE2b of its text (form 1), by which two ids differ for every practical purpose.
"""

import re
from hashlib import blake2b
from typing import Final, NamedTuple

HASHED: Final = 1
UUID: Final = 36
_HEX = re.compile(r"[0-9a-f]{16,32}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SIGN, _RANGE, _HALF = 1 << 63, 1 << 64, (1 << 64) - 1


class NumberedId(NamedTuple):
    """An id's upper and lower 64 bits (signed) and its form."""

    high: int
    low: int
    form: int


def number_id(text: str) -> NumberedId:
    """Give the number of an id.

    >>> number_id("00000000000000ff")
    NumberedId(high=0, low=255, form=16)
    """
    if _HEX.fullmatch(text):
        return _split(int(text, 16), len(text))
    if _UUID.fullmatch(text):
        return _split(int(text.replace("-", ""), 16), UUID)
    return _split(int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big"), HASHED)


def say_id(number: NumberedId) -> str | None:
    """Give the id back; None for one that was hashed.

    >>> say_id(number_id("00000000000000ff")), say_id(number_id("0f8fad5b-d9cb-469f-a165-70867728950e"))
    ('00000000000000ff', '0f8fad5b-d9cb-469f-a165-70867728950e')
    """
    if number.form == HASHED:
        return None
    value = (number.high & _HALF) << 64 | (number.low & _HALF)
    if number.form != UUID:
        return f"{value:0{number.form}x}"
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def number_tenant(tenant: str) -> int:
    """56 bits that stand for a tenant beside the ids that it chose; the lowest 8 bits are 0, for an id's form.

    >>> number_tenant("clinic-1") % 256
    0
    """
    hashed = int.from_bytes(blake2b(tenant.encode(), digest_size=8, person=b"hs-tenant").digest(), "big")
    return _signed(hashed & ~255)


def _split(value: int, form: int) -> NumberedId:
    return NumberedId(_signed(value >> 64), _signed(value & _HALF), form)


def _signed(half: int) -> int:
    return half - _RANGE if half >= _SIGN else half
