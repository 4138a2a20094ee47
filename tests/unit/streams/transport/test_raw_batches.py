"""Raw batches give what aiokafka's own parser gives: the same records, offsets to go on from, and refusals."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c, decode_varint
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.errors import LogCorrupt
from homeostat.streams.transport.raw_batches import RawBatches, RawPartitionRecords

TP = TopicPartition("in", 0)
HEAD = 61
NUMBERS = st.integers(0, 2**40)
CONTENT = st.none() | st.binary(max_size=40) | st.just(b"x" * 9000)
HEADERS = st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=20)), max_size=8)


class Drawn(NamedTuple):
    """One record batch to be made."""

    codec: int
    transactional: bool
    producer: int
    logged: bool
    records: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]


RECORDS = st.lists(st.tuples(NUMBERS, CONTENT, CONTENT, HEADERS), min_size=1, max_size=6)
BATCHES = st.builds(Drawn, st.integers(0, 4), st.booleans(), st.integers(0, 2), st.booleans(), RECORDS)


def make(drawn: Drawn, base: int) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, drawn.codec, drawn.transactional, drawn.producer, 0, 0, 10**7)
    for number, (timestamp, key, value, headers) in enumerate(drawn.records):
        builder.append(number, timestamp, key, value, headers)
    data = bytearray(builder.build())
    data[0:8] = base.to_bytes(8, "big")
    return sealed(data, lambda batch: batch.__setitem__(22, batch[22] | 8)) if drawn.logged else data


def sealed(data: bytearray, change: Callable[[bytearray], None]) -> bytearray:
    """The batch after a change, its checksum made good again."""
    change(data)
    data[17:21] = calc_crc32c(bytes(data[21:])).to_bytes(4, "big")
    return data


def control(base: int, producer: int, kind: int) -> bytearray:
    """The marker that ends a transaction: `kind` 0 aborts, 1 commits."""
    builder = DefaultRecordBatchBuilder(2, 0, True, producer, 0, 0, 10**7)
    builder.append(0, 1, bytes([0, 0, 0, kind]), b"\0" * 6, [])
    data = bytearray(builder.build())
    data[0:8] = base.to_bytes(8, "big")
    return sealed(data, lambda batch: batch.__setitem__(22, batch[22] | 32))


def by_aiokafka(data: bytes, aborted: Any, start: int, isolation: int) -> tuple[list[Any], int]:
    found = PartitionRecords(TP, MemoryRecords(data), aborted, start, None, None, True, isolation)
    records = [
        (r.offset, r.timestamp, r.key, r.value, tuple((name, value or b"") for name, value in r.headers)) for r in found
    ]
    return records, found.next_fetch_offset


def by_us(data: bytes, aborted: Any, start: int, isolation: int) -> tuple[list[Any], int]:
    found = RawPartitionRecords(TP, RawBatches(data), aborted, start, None, None, True, isolation)
    sections = list(found)
    block = RecordBlock.read(sections) if sections else ()
    return [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in block], found.next_fetch_offset


@settings(max_examples=200, deadline=None)
@given(
    st.lists(BATCHES, min_size=1, max_size=5),
    st.integers(0, 20),
    st.sets(st.integers(0, 2)),
    st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]),
    st.integers(0, 70),
)
def test_the_same_records_as_aiokafka_gives(
    drawn: list[Drawn], start: int, aborting: set[int], isolation: int, cut: int
) -> None:
    data, base, aborted = bytearray(), 0, []
    for one in drawn:
        if one.producer in aborting:
            aborted.append((one.producer, base))
        data += make(one, base)
        base += len(one.records)
        data += control(base, one.producer, 0 if one.producer in aborting else 1)
        base += 1
    fetched = bytes(data[: len(data) - cut])
    assert by_us(fetched, list(aborted), start, isolation) == by_aiokafka(fetched, list(aborted), start, isolation)


def find_attributes(batch: bytes | bytearray) -> set[int]:
    """Where the attributes of records are: a byte by the protocol, a varint of up to ten bytes to aiokafka."""
    found, at = set(), HEAD
    while at < len(batch):
        length, at = decode_varint(batch, at)
        found.add(at)
        at += length
    return found


@settings(max_examples=300, deadline=None)
@given(BATCHES, st.data())
def test_a_broken_batch_is_found_and_never_misread(drawn: Drawn, data: st.DataObject) -> None:
    good = make(drawn._replace(codec=0), 5)
    at = data.draw(st.integers(HEAD, len(good) - 1))
    to = data.draw(st.integers(0, 127 if at in find_attributes(good) else 255))
    broken = sealed(bytearray(good), lambda batch: batch.__setitem__(at, to))
    try:
        expected = by_aiokafka(bytes(broken), None, 0, READ_COMMITTED)
    except (CorruptRecordException, UnicodeDecodeError, ValueError, OverflowError):
        return
    try:
        assert by_us(bytes(broken), None, 0, READ_COMMITTED)[0] == expected[0]
    except LogCorrupt:
        assert broken != good


@settings(max_examples=200, deadline=None)
@given(BATCHES, st.data())
def test_any_bytes_are_records_or_corrupt(drawn: Drawn, data: st.DataObject) -> None:
    good = make(drawn._replace(codec=0), 5)
    noise = data.draw(st.binary(max_size=len(good) - HEAD))
    broken = sealed(bytearray(good[:HEAD] + noise + good[HEAD + len(noise) :]), lambda _: None)
    try:
        records, _ = by_us(bytes(broken), None, 0, READ_COMMITTED)
    except LogCorrupt:
        return
    assert all(len(record) == 5 for record in records)


def test_a_wrong_checksum_is_refused() -> None:
    data = make(Drawn(0, False, -1, False, [(1, b"k", b"value", [])]), 0)
    data[-3] ^= 1
    with pytest.raises(CorruptRecordException):
        by_us(bytes(data), None, 0, READ_COMMITTED)


def test_a_name_that_is_no_text_stops_nothing() -> None:
    data = make(Drawn(0, False, -1, False, [(1, b"k", b"v", [("naame", b"1")])]), 0)
    data = sealed(data, lambda batch: batch.__setitem__(batch.index(b"naame") + 2, 255))
    ((_, _, key, value, headers),), _ = by_us(bytes(data), None, 0, READ_COMMITTED)
    assert (key, value, headers) == (b"k", b"v", (("na\ufffdme", b"1"),))


def test_an_old_message_format_is_named() -> None:
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=0, batch_size=1000)
    builder.append(0, 1, b"k", b"v" * 60)
    with pytest.raises(LogCorrupt, match="message format before 2"):
        by_us(bytes(builder.build()), None, 0, READ_COMMITTED)


def test_an_unknown_codec_is_named() -> None:
    data = make(Drawn(0, False, -1, False, [(1, b"k", b"v", [])]), 0)
    data = sealed(data, lambda batch: batch.__setitem__(22, batch[22] | 7))
    with pytest.raises(LogCorrupt, match="codec 7"):
        by_us(bytes(data), None, 0, READ_COMMITTED)


def test_a_batch_that_is_cut_short_waits_for_the_next_fetch() -> None:
    data = make(Drawn(0, False, -1, False, [(1, b"k", b"v", [])]), 0)
    batches = RawBatches(bytes(data[:-1]))
    assert (batches.has_next(), batches.size_in_bytes()) == (False, len(data) - 1)


def test_offsets_that_do_not_rise_are_corrupt() -> None:
    """aiokafka drops the record silently; a batch that lies about its records stops the worker."""
    one: Any = (0, None, None, [])
    good = make(Drawn(0, False, -1, False, [one, one, one]), 5)
    size = (len(good) - HEAD) // 3
    broken = sealed(bytearray(good), lambda batch: batch.__setitem__(HEAD + 2 * size + 3, 0))
    assert [record[0] for record in by_us(bytes(good), None, 0, READ_COMMITTED)[0]] == [5, 6, 7]
    with pytest.raises(LogCorrupt):
        by_us(bytes(broken), None, 0, READ_COMMITTED)
