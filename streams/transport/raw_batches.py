"""Kafka's record batches as they come, for aiokafka's fetcher to choose from: no object is made for a record.

aiokafka decides which batches are seen (transactions, control batches, where a fetch goes on); its parser, which makes
an object a record and two a header, is left out. What `getmany` gives for a partition are then `Section`s, to be read
together as one `RecordBlock`.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final

from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from homeostat.detectors.record_block import RecordBlock, Section
from homeostat.schemas.errors import LogCorrupt
from homeostat.schemas.log import Record

_HEAD: Final = struct.Struct(">qiibIhiqqqhii")
_LENGTH: Final = struct.Struct(">qi")
_CRC_FROM: Final = 21
"""The checksum is of everything after itself."""
_MAGIC_AT: Final = 16
_FORMAT: Final = 2
_CODEC, _LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 7, 8, 16, 32
_DECODERS: Final[dict[int, Callable[[memoryview], bytes | memoryview]]] = {
    0: memoryview,
    1: codec.gzip_decode,
    2: lambda body: codec.snappy_decode(body.tobytes()),
    3: lambda body: codec.lz4_decode(body.tobytes()),
    4: lambda body: codec.zstd_decode(body.tobytes()),
}


class RawBatch:
    """One record batch, with what aiokafka's fetcher asks of it. Raises `LogCorrupt` for another format."""

    def __init__(self, data: memoryview) -> None:
        if len(data) < _HEAD.size or data[_MAGIC_AT] != _FORMAT:
            raise LogCorrupt(
                "a record batch of a message format before 2, which has no headers and so no traces: "
                "let the topic be written by clients of this decade, or point the worker at another"
            )
        self._data = data
        head: tuple[int, ...] = _HEAD.unpack_from(data)
        base, _, _, _, self._crc, flags, ahead, first_ms, last_ms, self.producer_id, _, _, self._count = head
        self._codec = flags & _CODEC
        self._first_ms, self._logged_ms = first_ms, last_ms if flags & _LOG_APPEND_TIME else -1
        self.base_offset, self.next_offset = base, base + ahead + 1
        self.is_transactional, self.is_control_batch = bool(flags & _TRANSACTIONAL), bool(flags & _CONTROL)

    @property
    def offset(self) -> int:
        """The last offset: a batch is passed over when a fetch begins after it."""
        return self.next_offset - 1

    def validate_crc(self) -> bool:
        return bool(calc_crc32c(self._data[_CRC_FROM:]) == self._crc)

    def section(self, wanted: int) -> Section:
        """Uncompress it. Raises `LogCorrupt` for a codec that is not known."""
        decode = _DECODERS.get(self._codec)
        if decode is None:
            raise LogCorrupt(f"the record batch at offset {self.base_offset} is compressed by codec {self._codec}")
        body = decode(self._data[_HEAD.size :])
        return Section(body, self._count, self.base_offset, self._first_ms, self._logged_ms, wanted)

    def __iter__(self) -> Iterator["RawBatch"]:
        yield self

    def __next__(self) -> Record:
        """The first record: a control batch has one."""
        return RecordBlock.read([self.section(self.base_offset)])[0]


class RawBatches:
    """The record batches of a fetched partition; the last may be cut short."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        return self._end() <= len(self._data)

    def next_batch(self) -> RawBatch:
        at, self._at = self._at, self._end()
        return RawBatch(self._data[at : self._at])

    def _end(self) -> int:
        """Where the next batch ends, beyond all bytes when it has no length."""
        if len(self._data) - self._at < _LENGTH.size:
            return len(self._data) + 1
        length: int = _LENGTH.unpack_from(self._data, self._at)[1]
        return self._at + _LENGTH.size + length


class RawPartitionRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Hands out whole batches."""

    def _consumer_record(self, _tp: TopicPartition, batch: RawBatch) -> Section:
        return batch.section(self.next_fetch_offset)


def use_raw_batches() -> None:
    """Let every aiokafka consumer of this process hand out sections."""
    fetcher.MemoryRecords = RawBatches
    fetcher.PartitionRecords = RawPartitionRecords
