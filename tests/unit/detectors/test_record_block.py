"""A block of records: what was packed comes out, whole, in slices, and by offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.record_block import RecordBlock, Section
from homeostat.schemas.errors import LogCorrupt
from homeostat.schemas.log import LogRecord

CONTENT = st.none() | st.binary(max_size=200)
HEADERS = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=5)), max_size=20)
WIDE = st.integers(-(2**61), 2**61)
RECORDS = st.lists(st.builds(LogRecord, WIDE, WIDE, CONTENT, CONTENT, HEADERS), max_size=8)


def plain(records: "RecordBlock | list[LogRecord]") -> list[tuple[object, ...]]:
    return [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records]


@given(RECORDS, st.integers(0, 8), st.integers(0, 8))
def test_what_was_packed_comes_out(records: list[LogRecord], first: int, stop: int) -> None:
    offsets = sorted({abs(record.offset) for record in records})
    records = [record._replace(offset=offset) for record, offset in zip(records, offsets, strict=False)]
    block = RecordBlock.of(records)
    assert plain(block) == plain(records)
    assert plain(block[first:stop]) == plain(records[first:stop])
    assert [block.key_of(at) for at in range(len(block))] == [record.key for record in records]
    assert RecordBlock.of(block) is block


def test_records_by_offset() -> None:
    block = RecordBlock.of([LogRecord(offset, 0, None, None) for offset in (3, 4, 9)])
    assert [block.first_from(offset) for offset in (0, 3, 5, 9, 10)] == [0, 0, 2, 2, 3]
    assert block[-1].offset == 9
    with pytest.raises(IndexError):
        block[3]


def test_nothing_is_a_block_of_nothing() -> None:
    assert (len(RecordBlock.of([])), list(RecordBlock.of([])), len(RecordBlock.read([Section(b"", 0, 0, 0)]))) == (
        0,
        [],
        0,
    )


@pytest.mark.parametrize("number", [-1, 0, 1, 3, 5, 2**31 - 1])
def test_a_header_that_counts_wrong_is_found(number: int) -> None:
    body = RecordBlock.of([LogRecord(0, 0, b"key", b"value"), LogRecord(1, 0, b"key", b"value")]).raw
    with pytest.raises(LogCorrupt, match="offset 70"):
        RecordBlock.read([Section(body, 2, 60, 0), Section(body, number, 70, 0)])
