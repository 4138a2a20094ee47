"""The scanner looks at its own row's bytes only: what lies around them in the batch changes nothing."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homeostat.detectors.leaf.scan import scan_object
from homeostat.detectors.leaf.scan_json import end_string, find_word, match_word, read_count, read_number, skip_space
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.scan_words import FIELD_STARTS, FIELD_WORDS, WORK_TIME
from tests.unit.detectors.leaf.scanning import PLAN, TENANTS, as_bytes, bits
from tests.unit.detectors.leaf.trace_text import Written, hostile_traces, objects, valid_fields, valid_traces

AROUND = st.sampled_from((b"", b'"', b'{"a":"', b"0", b"}", b'",', b" ", b"\x00", b"null"))


def scan_within(value: bytes, before: bytes, after: bytes, learn: bytes = b"") -> tuple[list[list[int]], bytes] | None:
    """What `scan_object` finds of a value between other bytes: spans from its own beginning, and values."""
    tables, raw = ScanTables(PLAN).arrays_for(TENANTS), np.zeros(len(PLAN.specs))
    if learn:
        scan_object(as_bytes(learn), 0, len(learn), tables, raw)
    text = as_bytes(before + value + after)
    if not scan_object(text, len(before), len(before) + len(value), tables, raw):
        return None
    spans = tables.spans.copy()
    spans[spans[:, 0] < 0] = -1
    texts = spans[:, 0] >= 0
    texts[WORK_TIME] = False
    spans[texts] -= len(before)
    spans[WORK_TIME, 1] = 0
    return spans.tolist(), bits(raw.tolist())


@given(hostile_traces(), AROUND, AROUND, st.data())
@settings(max_examples=80)
def test_what_lies_around_a_row_changes_nothing(
    case: tuple[Written, Written], before: bytes, after: bytes, data: st.DataObject
) -> None:
    good, (value, _) = case
    cut = data.draw(st.integers(0, len(value)))
    for part, rest in ((value, after), (value[:cut], value[cut:])):
        alone = scan_within(part, b"", b"", good.value)
        assert scan_within(part, before, rest, good.value) == alone


@given(valid_traces(), st.data())
@settings(max_examples=80)
def test_what_is_cut_off_is_never_completed_from_what_follows(trace: Written, data: st.DataObject) -> None:
    end = len(trace.value.rstrip())
    cut = data.draw(st.integers(0, end - 1) | st.integers(max(0, end - 3), end - 1))
    assert scan_within(trace.value[:cut], b"", trace.value[cut:]) is None


@given(
    st.binary(max_size=12) | st.sampled_from((b"12", b"-", b"1.", b"1e", b"1e-", b"0.5", b'kind"', b"kind", b"  ")),
    AROUND,
)
@settings(max_examples=200)
@example(b"1e", b"5")
@example(b"kind", b'"')
def test_no_part_reads_beyond_the_end(part: bytes, after: bytes) -> None:
    for read in (skip_space, end_string, read_number, read_count):
        found = read(as_bytes(part), 0, len(part))
        assert read(as_bytes(part + after), 0, len(part)) == found
        assert (found if isinstance(found, int) else found[1]) <= len(part)
    for place in range(FIELD_STARTS.shape[0] - 1):
        word = FIELD_WORDS, FIELD_STARTS[place], FIELD_STARTS[place + 1]
        assert match_word(as_bytes(part + after), 0, len(part), *word) == match_word(
            as_bytes(part), 0, len(part), *word
        )
    found_word = find_word(as_bytes(part), 0, len(part), FIELD_WORDS, FIELD_STARTS)
    assert find_word(as_bytes(part + after), 0, len(part), FIELD_WORDS, FIELD_STARTS) == found_word


@given(valid_fields().flatmap(objects), st.sampled_from((b" ", b"\n\t")), AROUND)
@settings(max_examples=50)
def test_nothing_but_space_may_follow_in_the_row(text: str, space: bytes, after: bytes) -> None:
    value = text.encode() + space
    found = scan_within(value, b"", b"")
    assert scan_within(value + after, b"", b"") == (None if after.strip() else found)
