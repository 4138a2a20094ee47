"""The producer of append-only outputs: one a worker, idempotent, its order kept per partition.

Readers keep the highest mark they saw from a source. That is right only while each source's outputs lie in the log in
the order of their marks, whatever fails. So when one delivery fails, the producer is given up as a whole: every
partition with outputs under way drops its state and makes them again, in order, through the next producer.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from homeostat.schemas.log import Output
from homeostat.schemas.partition import partition_of
from homeostat.streams import failpoints
from homeostat.streams.settings import Settings
from homeostat.streams.transport.batch import Row, fill_batches
from homeostat.streams.transport.clients import make_producer, stop_client
from homeostat.streams.transport.errors import OutputsRenewed
from homeostat.streams.transport.spec import Finisher

Routes = Mapping[tuple[str, int], Sequence[Row]]
_SINGLE_SENDS = 16
"""Up to so many rows for one partition go one by one, into whatever batch is open; more get a batch of their own."""


async def route(producer: AIOKafkaProducer, outputs: Iterable[Output], finish: Finisher) -> Routes:
    """Finish outputs and group them by topic and partition, each group in the order given."""
    routes: dict[tuple[str, int], list[Row]] = defaultdict(list)
    counts: dict[str, int] = {}
    for output in map(finish, outputs):
        partition = output.partition
        if partition is None:
            if output.topic not in counts:
                counts[output.topic] = len(await producer.partitions_for(output.topic))
            partition = partition_of(output.key, counts[output.topic])
        routes[output.topic, partition].append(Row(output.key, output.value, output.timestamp, output.headers))
    return routes


class Outputs(Protocol):
    """The port: outputs leave at once, and a checkpoint waits for their delivery."""

    async def open(self) -> int:
        """Be ready to send; gives the generation to be named with every send."""
        ...

    async def send(self, outputs: Sequence[Output], generation: int) -> list[asyncio.Future[Any]]:
        """Hand outputs over in order. Raises `OutputsRenewed` when that generation is over."""
        ...

    async def settle(self, futures: Sequence[asyncio.Future[Any]], generation: int) -> None:
        """Wait until all are delivered. Raises what went wrong, or `OutputsRenewed`."""
        ...


class OutputProducer:
    """The adapter over one idempotent producer."""

    def __init__(self, settings: Settings, finish: Finisher) -> None:
        self._settings = settings
        self._finish = finish
        self._producer: AIOKafkaProducer | None = None
        self._generation = 0
        self._lock = asyncio.Lock()

    async def open(self) -> int:
        """Start the producer if there is none; give its generation, to be named with every send."""
        async with self._lock:
            if self._producer is None:
                producer = make_producer(self._settings)
                try:
                    await producer.start()
                except BaseException:
                    await stop_client(producer, 1.0)
                    raise
                self._producer = producer
            return self._generation

    async def send(self, outputs: Sequence[Output], generation: int) -> list[asyncio.Future[Any]]:
        """Hand outputs over in order; the futures are done when the broker has them.

        Raises `OutputsRenewed` when the producer of that generation is gone. A producer that refuses one is given up:
        it may have ended, and what is restored next would be refused by it again.
        """
        try:
            return await self._send(outputs, generation)
        except KafkaError:
            await self.give_up(generation)
            raise

    async def _send(self, outputs: Sequence[Output], generation: int) -> list[asyncio.Future[Any]]:
        producer = self._of(generation)
        futures: list[asyncio.Future[Any]] = []
        for (topic, partition), rows in (await route(producer, outputs, self._finish)).items():
            self._of(generation)
            futures += await _send_rows(producer, topic, partition, rows)
            if failpoints.is_armed("outputs.sent_some"):
                await asyncio.gather(*futures)
                failpoints.hit("outputs.sent_some")
        return futures

    async def settle(self, futures: Sequence[asyncio.Future[Any]], generation: int) -> None:
        """Wait until all are delivered. The first failure gives the producer up and is raised."""
        results = await asyncio.gather(*futures, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed:
            await self.give_up(generation)
            raise failed[0]
        self._of(generation)

    async def give_up(self, generation: int) -> None:
        """End the producer of that generation, if it is still the one; whoever uses it will see `OutputsRenewed`."""
        async with self._lock:
            if generation == self._generation:
                self._generation += 1
                producer, self._producer = self._producer, None
                if producer is not None:
                    await stop_client(producer, 1.0)

    async def close(self, limit_s: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer, limit_s)

    def _of(self, generation: int) -> AIOKafkaProducer:
        if generation != self._generation or self._producer is None:
            raise OutputsRenewed(f"producer {generation} of outputs was given up")
        return self._producer


async def _send_rows(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: Sequence[Row]
) -> list[asyncio.Future[Any]]:
    if len(rows) > _SINGLE_SENDS:
        builders = fill_batches(producer, rows)
        return [await producer.send_batch(builder, topic, partition=partition) for builder in builders]
    return [
        await producer.send(
            topic, row.value, key=row.key, partition=partition, timestamp_ms=row.timestamp, headers=list(row.headers)
        )
        for row in rows
    ]
