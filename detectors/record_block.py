"""Consecutive records of one partition as bytes and their places; a record is made when it is asked for."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np

from homeostat.detectors.record_index import (
    BASE_OFFSET,
    COUNT,
    FIRST_TIMESTAMP,
    HEADER_COLUMNS,
    HEADERS,
    HEADERS_AT,
    KEY_AT,
    KEY_BYTES,
    LOG_TIMESTAMP,
    OFFSET,
    SECTION_AT,
    SECTION_COLUMNS,
    SECTION_END,
    SPAN_COLUMNS,
    TIMESTAMP,
    VALUE_AT,
    VALUE_BYTES,
    WANTED,
    Bytes,
    Ints,
    index_headers,
    index_sections,
)
from homeostat.schemas.errors import LogCorrupt
from homeostat.schemas.log import Headers, LogRecord, Record

_NOTHING = np.zeros((0, HEADER_COLUMNS), np.int64)
_NO_RECORDS = np.zeros((0, SPAN_COLUMNS), np.int64)


class Section(NamedTuple):
    """The records of one Kafka record batch: their bytes, uncompressed, and what they count from.

    `log_timestamp` is the batch's where the broker set it (ms since the epoch), −1 where each record has its own.
    Records before offset `wanted` are not asked for.
    """

    body: bytes | memoryview
    records: int
    base_offset: int
    first_timestamp: int
    log_timestamp: int = -1
    wanted: int = 0


class RecordBlock(Sequence[Record]):
    """Records in order of their offsets. `text` are the bytes (uint8), `spans` their places (`record_index`)."""

    __slots__ = ("raw", "spans", "text")

    def __init__(self, raw: bytes, spans: Ints) -> None:
        self.raw = raw
        self.text: Bytes = np.frombuffer(raw or b"\0", np.uint8)
        self.spans = spans

    @classmethod
    def read(cls, sections: Sequence[Section]) -> "RecordBlock":
        """Index the records of batches. Raises `LogCorrupt` for bytes that are no records."""
        for section in sections:
            if not 0 <= section.records <= len(section.body):
                raise LogCorrupt(f"the record batch at offset {section.base_offset} names {section.records} records")
        table = np.zeros((len(sections), SECTION_COLUMNS), np.int64)
        ends = np.cumsum([len(section.body) for section in sections], dtype=np.int64)
        table[1:, SECTION_AT] = ends[:-1]
        table[:, SECTION_END] = ends
        table[:, [COUNT, BASE_OFFSET, FIRST_TIMESTAMP, LOG_TIMESTAMP, WANTED]] = [section[1:] for section in sections]
        block = cls(b"".join([section.body for section in sections]), _NO_RECORDS)
        spans = np.empty((sum(section.records for section in sections), SPAN_COLUMNS), np.int64)
        size = index_sections(block.text, table, spans, _NOTHING)
        if size < 0:
            raise LogCorrupt(
                f"the record batch at offset {sections[-1 - size].base_offset} is not what its header says"
            )
        block.spans = spans[:size]
        return block

    @classmethod
    def of(cls, records: Iterable[Record]) -> "RecordBlock":
        """Pack records of any making."""
        if isinstance(records, cls):
            return records
        packed = [_pack(record) for record in records]
        return cls.read([Section(b"".join(packed), len(packed), 0, 0)]) if packed else cls(b"", _NO_RECORDS)

    def __len__(self) -> int:
        return len(self.spans)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> "RecordBlock": ...
    def __getitem__(self, at: int | slice) -> "Record | RecordBlock":
        if isinstance(at, slice):
            return RecordBlock(self.raw, self.spans[at])
        return self._make(self.spans[at].tolist())

    def __iter__(self) -> Iterator[Record]:
        return map(self._make, self.spans.tolist())

    @property
    def first_offset(self) -> int:
        """The first record's offset. Raises IndexError for no records."""
        return int(self.spans[0, OFFSET])

    @property
    def last_offset(self) -> int:
        """The last record's offset. Raises IndexError for no records."""
        return int(self.spans[-1, OFFSET])

    def first_from(self, offset: int) -> int:
        """The place of the first record at or after an offset; the length when there is none."""
        return int(np.searchsorted(self.spans[:, OFFSET], offset))

    def key_of(self, at: int) -> bytes | None:
        """One record's key, without the rest of it."""
        first, size = self.spans[at, KEY_AT : KEY_BYTES + 1].tolist()
        return self.raw[first : first + size] if size >= 0 else None

    def _make(self, span: list[int]) -> LogRecord:
        raw = self.raw
        key = raw[span[KEY_AT] : span[KEY_AT] + span[KEY_BYTES]] if span[KEY_BYTES] >= 0 else None
        value = raw[span[VALUE_AT] : span[VALUE_AT] + span[VALUE_BYTES]] if span[VALUE_BYTES] >= 0 else None
        headers = self._read_headers(span[HEADERS_AT], span[HEADERS]) if span[HEADERS] else ()
        return LogRecord(span[OFFSET], span[TIMESTAMP], key, value, headers)

    def _read_headers(self, at: int, count: int) -> Headers:
        places = np.empty((count, HEADER_COLUMNS), np.int64)
        index_headers(self.text, at, len(self.raw), count, places)
        raw = self.raw
        return [
            (raw[name : name + name_bytes].decode(errors="replace"), raw[value : value + value_bytes])
            for name, name_bytes, value, value_bytes in places.tolist()
        ]


def _pack(record: Record) -> bytes:
    """A record in message format 2, its offset and timestamp counted from 0."""
    parts = [b"\0", _varint(record.timestamp), _varint(record.offset), *_sized(record.key), *_sized(record.value)]
    parts.append(_varint(len(record.headers)))
    for name, value in record.headers:
        parts += (*_sized(name.encode()), *_sized(value))
    body = b"".join(parts)
    return _varint(len(body)) + body


def _sized(content: bytes | None) -> tuple[bytes, bytes]:
    return (_NONE, b"") if content is None else (_varint(len(content)), content)


def _varint(number: int) -> bytes:
    if 0 <= number < len(_SMALL):
        return _SMALL[number]
    return _spell(number)


def _spell(number: int) -> bytes:
    left = number << 1 if number >= 0 else ~(number << 1)
    spelled = bytearray()
    while left > 127:
        spelled.append(left & 127 | 128)
        left >>= 7
    spelled.append(left)
    return bytes(spelled)


_SMALL = [_spell(number) for number in range(4096)]
_NONE = _spell(-1)
