"""Numbers and ids are read exactly or not at all, whatever stands before and after them."""

import re
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homeostat.detectors.leaf.ids import number_id
from homeostat.detectors.leaf.scan_json import is_id, read_count, read_id, read_number
from tests.unit.detectors.leaf.scanning import as_bytes
from tests.unit.detectors.leaf.trace_text import ANY_NUMBERS, IDS

AFTER = st.sampled_from((b"", b",", b"}", b" ", b"5", b"e5", b".5", b"x", b"\x00"))


def read(text: str, before: bytes = b"", after: bytes = b"") -> float | None:
    """The number that makes up all of the text; None where it is left to others, or ends elsewhere."""
    at, end = len(before), len(before) + len(text)
    value, stop = read_number(as_bytes(before + text.encode() + after), at, end)
    assert stop <= end
    return value if stop == end else None


@given(ANY_NUMBERS, AFTER)
@settings(max_examples=300)
@example("9" * 19, b"")
@example("0." + "9" * 19, b"")
@example("-0.0000000000000000000000", b"")
@example("100000000000000000000000e-22", b"")
def test_a_number_is_bit_equal_or_left(text: str, after: bytes) -> None:
    value = read(text, b"9", after)
    assert value is None or struct.pack("d", value) == struct.pack("d", float(text))


@st.composite
def near_midpoints(draw: st.DrawFn) -> tuple[str, int]:
    """A number of up to 18 digits as close as there is to the middle of two floats: the hardest to round.

    With M odd of 54 bits, M·2⁻ᵏ is such a middle; m / 10ᵖ misses it by |e| / 10ᵖ when m·2ˢ = M·5ᵖ + e.
    """
    power, error = draw(st.integers(1, 22)), draw(st.sampled_from((-3, -1, 1, 3)))
    five = 5**power
    shift = max(1, (five << 54).bit_length() - 60 + draw(st.integers(0, 3)))
    middle = (-error * pow(five, -1, 1 << shift)) % (1 << shift)
    rest = max(0, ((1 << 54) - middle) >> shift)
    middle += draw(st.integers(0, rest)) << shift
    return str((middle * five + error) >> shift), power


@given(near_midpoints())
@settings(max_examples=300)
@example(("9007199254740993", 0))
@example(("90071992547409930", 1))
@example(("999999999999999999", 22))
def test_the_hardest_numbers_are_rounded_once(number: tuple[str, int]) -> None:
    digits, power = number
    text = f"{digits}e-{power}"
    value = read(text)
    assert (value is None) == (len(digits) > 18)
    assert value is None or value == float(text)


@given(st.integers(1, 18).flatmap(lambda n: st.integers(10 ** (n - 1), 10**n - 1)), st.integers(0, 22))
def test_eighteen_digits_and_twenty_two_places_are_always_read(mantissa: int, places: int) -> None:
    digits = f"{mantissa:0{places + 1}d}"
    text = f"{digits[: len(digits) - places]}.{digits[len(digits) - places :]}" if places else digits
    assert read(text) == float(text)


@given(st.from_regex(r"-?[0-9.eE+-]{0,6}", fullmatch=True))
@settings(max_examples=200)
def test_what_json_does_not_call_a_number_is_left(text: str) -> None:
    value = read(text)
    if value is not None:
        assert not text.lstrip("-").startswith("0") or text.lstrip("-")[1:2] in ("", ".", "e", "E")
        assert text[-1].isdigit()
        assert not text.lstrip("-").startswith(".")
        assert ".e" not in text.lower()
        assert value == float(text)


@given(st.integers(0, 10**15) | st.from_regex(r"[0-9]{0,16}", fullmatch=True), AFTER)
def test_counts_are_read_exactly_or_left(number: int | str, after: bytes) -> None:
    text = str(number)
    value, stop = read_count(as_bytes(b"1" + text.encode() + after), 1, 1 + len(text))
    is_plain = 0 < len(text) <= 13 and (text == "0" or not text.startswith("0"))
    assert (stop == 1 + len(text)) == is_plain
    assert not is_plain or value == int(text)


@given(IDS | st.text("0123456789abcdefg-A", max_size=66), st.sampled_from((b"", b"0", b'"')))
@example("01234567-89ab-cdef-0123-456789abcdef", b"")
@example("f" * 32, b"")
@example("0123456789abcdef0123456789abcdef0123", b"")
@example("01234567-89ab-cdef-0123-456789abcde-", b"")
def test_ids_are_numbered_alike_or_left(text: str, around: bytes) -> None:
    name, first = np.zeros(3, np.int64), len(around)
    if read_id(as_bytes(around + text.encode() + around), first, first + len(text), name):
        assert tuple(name.tolist()) == number_id(text)
        assert tuple(name.tolist())[2] == len(text)


@given(IDS | st.text("0123456789abcdefg-A", max_size=66), st.sampled_from((b"", b"0", b"-")))
@example("0" * 15, b"0")
@example("0" * 65, b"")
@example("-" + "0" * 16, b"")
@example("0" * 16 + "-", b"0")
def test_opaque_ids_are_those_of_the_contract(text: str, around: bytes) -> None:
    first = len(around)
    found = is_id(as_bytes(around + text.encode() + around), first, first + len(text))
    assert found == (re.fullmatch(r"[0-9a-f][0-9a-f-]{14,62}[0-9a-f]", text) is not None)


@pytest.mark.parametrize("text", ["a" * 16, "0" * 32, "01234567-89ab-cdef-0123-456789abcdef"])
def test_the_usual_ids_are_numbered(text: str) -> None:
    assert read_id(as_bytes(text.encode()), 0, len(text), np.zeros(3, np.int64))
    assert is_id(as_bytes(text.encode()), 0, len(text))
