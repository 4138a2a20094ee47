"""The port to a role's input partitions, and its adapter over the consumer's thread."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from homeostat.streams.transport.fetch import FetchDesk

_T = TypeVar("_T")


class Source(Protocol):
    """What a partition's runner asks of the consumer."""

    async def place(self, tp: TP, offset: int) -> int:
        """Fetch from this offset on; gives the epoch of the batches that will come."""
        ...

    def withdraw(self, tp: TP) -> None:
        """Fetch no more."""
        ...

    def delivered(self, tp: TP) -> int:
        """Give the end of what was handed out of this partition."""
        ...

    async def commit(self, tp: TP, offset: int) -> None:
        """Commit an offset to the group. Only a member that the partition is assigned to can."""
        ...

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """Give the first offset and the end (exclusive) of the partition's log."""
        ...


class ThreadSource:
    """Runs each call in the loop of the thread that owns the aiokafka consumer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, consumer: AIOKafkaConsumer, desk: FetchDesk) -> None:
        self._loop = loop
        self._consumer = consumer
        self._desk = desk

    async def place(self, tp: TP, offset: int) -> int:
        async def seek() -> int:
            return self._desk.place(self._consumer, tp, offset)

        return await self._call(seek())

    def withdraw(self, tp: TP) -> None:
        self._desk.withdraw(tp)

    def delivered(self, tp: TP) -> int:
        return self._desk.delivered(tp)

    async def commit(self, tp: TP, offset: int) -> None:
        await self._call(self._consumer.commit({TopicPartition(*tp): OffsetAndMetadata(offset, "")}))

    async def bounds(self, tp: TP) -> tuple[int, int]:
        start = await self._call(self._consumer.beginning_offsets([tp]))
        end = await self._call(self._consumer.end_offsets([tp]))
        return start[tp], end[tp]

    async def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
