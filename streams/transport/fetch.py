"""What may be fetched and what was handed out: lives in the consumer's thread, beside aiokafka's own position."""

import asyncio
import contextlib
import itertools
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError
from faust.types import TP

from homeostat.detectors.record_block import RecordBlock
from homeostat.streams.transport.batch import Batch

_REBALANCE_PAUSE_S = 0.05


class FetchDesk:
    """Fetches what has arrived of the partitions that are placed and not held, and never of any other.

    Handing aiokafka an empty set of partitions would mean all of them, and what it hands out is gone: so an empty set
    is never given. `place`, `fetch` run in the consumer's loop; `withdraw`, `hold` may be called from any thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epochs: dict[TP, int] = {}
        self._held: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._delivered: dict[TP, int] = {}
        self._seeks = itertools.count(1)
        self._nudged = asyncio.Event()

    def place(self, consumer: AIOKafkaConsumer, tp: TP, offset: int) -> int:
        """Seek a partition and let it be fetched; gives the epoch its batches will carry."""
        consumer.seek(tp, offset)
        self._positions[tp] = self._delivered[tp] = offset
        self._held.discard(tp)
        epoch = next(self._seeks)
        self._epochs[tp] = epoch
        self._nudged.set()
        return epoch

    def withdraw(self, tp: TP) -> None:
        """Let a partition be fetched no more, until it is placed again."""
        self._epochs.pop(tp, None)

    def delivered(self, tp: TP) -> int:
        """Give the end of what was handed out of a partition since it was placed; 0 before."""
        return self._delivered.get(tp, 0)

    def hold(self, tp: TP) -> None:
        """Pause a partition whose batches wait unread."""
        self._held.add(tp)

    def release(self, tp: TP) -> None:
        """End a pause."""
        self._held.discard(tp)
        with contextlib.suppress(RuntimeError):  # the consumer's loop is closed: nobody fetches any more
            self._loop.call_soon_threadsafe(self._nudged.set)

    async def fetch(self, consumer: AIOKafkaConsumer, limit_s: float) -> list[Batch]:
        """Give the next batches, waiting up to the limit for some. Raises what aiokafka found while fetching."""
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        with consumer._fetcher._subscriptions.fetch_context():
            self._nudged.clear()
            batches = await self._drain(consumer)
            if not batches:
                await self._wait(consumer, limit_s)
                batches = await self._drain(consumer)
            return batches

    async def _wait(self, consumer: AIOKafkaConsumer, limit_s: float) -> None:
        if consumer._fetcher._subscriptions.reassignment_in_progress:
            await asyncio.sleep(_REBALANCE_PAUSE_S)
            return
        arrived = consumer._fetcher._create_fetch_waiter()
        nudged = asyncio.ensure_future(self._nudged.wait())
        done, _ = await asyncio.wait({arrived, nudged}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        nudged.cancel()
        if arrived in done:
            arrived.result()
        else:
            arrived.cancel()

    async def _drain(self, consumer: AIOKafkaConsumer) -> list[Batch]:
        """Take what has arrived. Nothing in here waits, so positions and records belong together."""
        subscriptions = consumer._fetcher._subscriptions
        if subscriptions.reassignment_in_progress:
            return []
        assignment = subscriptions.subscription.assignment
        epochs = {
            tp: epoch
            for tp, epoch in list(self._epochs.items())
            if tp not in self._held and (state := assignment.state_value(tp)) is not None and state.has_valid_position
        }
        if not epochs:
            return []
        starts = {tp: self._start(tp, assignment.state_value(tp).position) for tp in epochs}
        drained = await consumer._fetcher.fetched_records(set(epochs))
        for tp in epochs:
            self._positions[tp] = assignment.state_value(tp).position
        blocks = {tp: RecordBlock.read(sections) for tp, sections in drained.items()}
        return [self._batch(tp, epochs, starts, block, assignment) for tp, block in blocks.items() if block]

    def _start(self, tp: TP, position: int) -> int:
        # aiokafka moved by itself (its log was cut): the hole must show
        return self._delivered[tp] if position == self._positions[tp] else position

    def _batch(
        self, tp: TP, epochs: dict[TP, int], starts: dict[TP, int], records: RecordBlock, assignment: Any
    ) -> Batch:
        state = assignment.state_value(tp)
        self._delivered[tp] = state.position
        stable_end = state.lso if state.lso is not None and state.lso >= 0 else state.highwater
        return Batch(TP(*tp), epochs[tp], starts[tp], state.position, stable_end or state.position, records)
