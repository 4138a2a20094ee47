"""Where a partition's state is kept: the same-numbered partition of a compacted topic, written by one owner."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer

from homeostat.schemas.log import Output
from homeostat.streams import failpoints
from homeostat.streams.settings import Settings
from homeostat.streams.transport.batch import Row, fill_batches
from homeostat.streams.transport.clients import make_producer, stop_client
from homeostat.streams.transport.outputs import Routes, route
from homeostat.streams.transport.restore import read_state
from homeostat.streams.transport.spec import Finisher

Changes = Sequence[tuple[bytes, bytes | None]]


class StateLog(Protocol):
    """The port: claim, read, then write; close gives the claim up."""

    async def claim(self) -> None:
        """Become the one writer; whoever was it before is refused from now on."""
        ...

    async def read(self) -> Mapping[bytes, bytes]:
        """Read the whole state as last written."""
        ...

    async def write(self, changes: Changes, outputs: Sequence[Output]) -> None:
        """Write changed state records and compacted outputs: all of them or none."""
        ...

    async def close(self, limit_s: float) -> None: ...


class _ProducedStateLog:
    """What both ways share: a producer of one's own, and reading."""

    def __init__(self, settings: Settings, topic: str, partition: int, finish: Finisher) -> None:
        self._settings = settings
        self._topic = topic
        self._partition = partition
        self._finish = finish
        self._producer: AIOKafkaProducer | None = None

    async def read(self) -> Mapping[bytes, bytes]:
        return await read_state(self._settings, self._topic, self._partition)

    async def close(self, limit_s: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, limit_s)

    async def _start(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        await asyncio.wait_for(producer.start(), self._settings.kafka.request_timeout_s)

    def _claimed(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("a state log is written after its claim")
        return self._producer

    async def _routes(self, producer: AIOKafkaProducer, changes: Changes, outputs: Sequence[Output]) -> Routes:
        routes = dict(await route(producer, outputs, self._finish))
        if changes:
            routes[self._topic, self._partition] = [Row(key, value) for key, value in changes]
        return routes


class TransactionalStateLog(_ProducedStateLog):
    """One Kafka transaction a checkpoint; the transactional id is the partition's, so a new owner fences the old."""

    def __init__(
        self, settings: Settings, topic: str, partition: int, finish: Finisher, *, transactional_id: str
    ) -> None:
        super().__init__(settings, topic, partition, finish)
        self._transactional_id = transactional_id

    async def claim(self) -> None:
        await self._start(make_producer(self._settings, self._transactional_id))

    async def write(self, changes: Changes, outputs: Sequence[Output]) -> None:
        producer = self._claimed()
        routes = await self._routes(producer, changes, outputs)
        if not routes:
            return
        await producer.begin_transaction()
        failpoints.hit("txn.begun")
        await _send_all(producer, routes)
        failpoints.hit("txn.all_sent_before_commit")
        await _commit(producer)


class PlainStateLog(_ProducedStateLog):
    """Plain writes: for the embedded broker and the negative control. Neither fenced nor all-or-none."""

    async def claim(self) -> None:
        await self._start(make_producer(self._settings))

    async def write(self, changes: Changes, outputs: Sequence[Output]) -> None:
        producer = self._claimed()
        failpoints.hit("txn.begun")
        await _send_all(producer, await self._routes(producer, changes, outputs))
        failpoints.hit("txn.all_sent_before_commit")


async def _send_all(producer: AIOKafkaProducer, routes: Routes) -> None:
    futures: list[asyncio.Future[Any]] = []
    try:
        for (topic, partition), rows in routes.items():
            for builder in fill_batches(producer, rows):
                futures.append(await producer.send_batch(builder, topic, partition=partition))
                if failpoints.is_armed("txn.after_k_sends"):
                    await futures[-1]
                    failpoints.hit("txn.after_k_sends")
    finally:
        results = await asyncio.gather(*futures, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _commit(producer: AIOKafkaProducer) -> None:
    if failpoints.is_armed("txn.commit_issued"):
        issued = asyncio.ensure_future(producer.commit_transaction())
        for _ in range(5):
            await asyncio.sleep(0)
        failpoints.hit("txn.commit_issued")
        await issued
    else:
        await producer.commit_transaction()
