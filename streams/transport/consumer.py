"""What is overridden of Faust's consumer so that batches, not messages, come, and none is dropped unseen.

Stock Faust 0.15.3 shares its set of active partitions with the fetch thread and empties it at the end of table
recovery (upstream 596); for aiokafka an empty set means all, so records are drained and thrown away. Its own offset
book-keeping commits past events in flight (upstream 606). Neither is used here: `FetchDesk` says what is fetched,
a partition's runner says what is committed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust import Service
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message

from homeostat.streams.transport.batch import Batch
from homeostat.streams.transport.client_watch import WATCH_S, raise_ended
from homeostat.streams.transport.clients import make_group_consumer
from homeostat.streams.transport.errors import ClientEnded
from homeostat.streams.transport.fetch import FetchDesk
from homeostat.streams.transport.source import ThreadSource

if TYPE_CHECKING:
    from homeostat.streams.transport.app import RoleApp


class InertOffsets(dict[TP, int | None]):
    """In the place of Faust's read offsets: remembers nothing, so a seek back loses nothing."""

    def __missing__(self, key: TP) -> None:
        return None

    def __setitem__(self, key: TP, value: int | None) -> None:
        """Forget it."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Forget them."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer, with our options and our fetch desk."""

    desk: FetchDesk

    def __post_init__(self) -> None:
        super().__post_init__()
        self.desk = FetchDesk(self.thread_loop)

    def _create_worker_consumer(self, _transport: driver.Transport) -> AIOKafkaConsumer:
        self._assignor = RoundRobinPartitionAssignor
        app = cast("RoleApp", self.app)
        return make_group_consumer(app.settings, app.role)

    async def on_start(self) -> None:
        await super().on_start()
        app = cast("RoleApp", self.app)
        app.shell.connect(ThreadSource(self.thread_loop, self._ensure_consumer(), self.desk))

    async def fetch(self, limit_s: float) -> list[Batch]:
        """Give the next batches; called from the main loop."""
        work = self.desk.fetch(self._ensure_consumer(), limit_s)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    @Service.task
    async def _watch_client(self) -> None:
        while not self.should_stop:
            await self.sleep(WATCH_S)
            try:
                raise_ended(self._ensure_consumer())
            except ClientEnded as error:
                shell = cast("RoleApp", self.app).shell
                self.parent_loop.call_soon_threadsafe(shell.end, error)
                return


class BatchConsumer(driver.Consumer):
    """Faust's consumer with one message a batch, and partitions opened and closed by the role's shell."""

    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = InertOffsets()
        self._shell = cast("RoleApp", self.app).shell

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Save and close what is taken away, then let Faust clear its queues."""
        await self._shell.on_revoked(frozenset(revoked))
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note what was given; nothing slow, because heartbeats stand still while this runs."""
        self._shell.note_assigned(frozenset(assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Claim and restore in the background; each partition is sought to where its state stands."""
        self._shell.claim_assigned()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Yield one message a fetched batch."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        if self.should_stop:
            return
        generation = self.app.consumer_generation_id
        for batch in await self._thread.fetch(timeout):
            if not self.flow_active:
                return  # a rebalance: every partition is claimed and sought again
            yield batch.tp, _message(batch, generation)

    def on_buffer_full(self, tp: TP) -> None:
        self._thread.desk.hold(tp)

    def on_buffer_drop(self, tp: TP) -> None:
        self._thread.desk.release(tp)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Nothing: a partition is fetched when it is placed."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: the runners watch their own progress."""


class BatchTransport(driver.Transport):
    """Faust's Kafka transport with the consumer above."""

    Consumer = BatchConsumer


def _message(batch: Batch, generation: int) -> ConsumerMessage:
    tp = batch.tp
    return ConsumerMessage(
        tp.topic, tp.partition, batch.start, 0.0, 0, None, None, cast("bytes", batch), None, 0, 0, tp,
        generation_id=generation,
    )  # fmt: skip
