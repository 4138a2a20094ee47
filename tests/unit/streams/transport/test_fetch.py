"""The fetch desk against a stand-in for aiokafka's fetcher: nothing unasked, holes visible, gaps not."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import ConsumerStoppedError
from faust.types import TP

from homeostat.detectors.record_block import RecordBlock, Section
from homeostat.schemas.log import LogRecord
from homeostat.streams.transport.fetch import FetchDesk

A, B = TP("in", 0), TP("in", 1)


class Position:
    """What aiokafka knows of one partition."""

    def __init__(self) -> None:
        self.position = 0
        self.has_valid_position = True
        self.highwater, self.lso = 100, 90


class Client:
    """An aiokafka consumer as far as the desk looks into one."""

    def __init__(self) -> None:
        self.states = {A: Position(), B: Position()}
        self.arrived: dict[TP, list[tuple[int, int]]] = {A: [], B: []}
        self.asked: list[set[TP]] = []
        self._closed = False
        assignment = SimpleNamespace(state_value=self.states.get)
        self._subscriptions = SimpleNamespace(
            reassignment_in_progress=False,
            subscription=SimpleNamespace(assignment=assignment),
            fetch_context=_Context,
        )
        self._fetcher = self
        self.waiters: list[asyncio.Future[None]] = []

    def seek(self, tp: TP, offset: int) -> None:
        self.states[tp].position = offset
        self.arrived[tp].clear()

    def arrive(self, tp: TP, first: int, end: int) -> None:
        """Records first..end-1; a first equal to the end is what nobody may see."""
        self.arrived[tp].append((first, end))
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def fetched_records(self, tps: set[TP]) -> dict[TP, list[Section]]:
        self.asked.append(tps)
        drained: dict[TP, list[Section]] = {}
        for tp in tps:
            for first, end in self.arrived[tp]:
                if first < end:
                    drained[tp] = [section(range(first, end))]
                self.states[tp].position = end
            self.arrived[tp].clear()
        return drained

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        self.waiters.append(asyncio.get_running_loop().create_future())
        return self.waiters[-1]


def section(offsets: range) -> Section:
    block = RecordBlock.of([LogRecord(offset, 0, None, b"") for offset in offsets])
    return Section(block.raw, len(block), 0, 0)


class _Context:
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
async def desk() -> FetchDesk:
    return FetchDesk(asyncio.get_running_loop())


async def test_never_asks_for_all_partitions(desk: FetchDesk, client: Client) -> None:
    client.arrive(A, 0, 5)
    assert await desk.fetch(client, 0.01) == []
    desk.place(client, A, 0)
    desk.hold(A)
    assert await desk.fetch(client, 0.01) == []
    desk.withdraw(A)
    assert await desk.fetch(client, 0.01) == []
    assert client.asked == []


async def test_batches_follow_each_other(desk: FetchDesk, client: Client) -> None:
    epoch = desk.place(client, A, 7)
    client.arrive(A, 7, 9)
    (first,) = await desk.fetch(client, 1.0)
    client.arrive(A, 9, 12)
    (second,) = await desk.fetch(client, 1.0)
    assert (first.epoch, first.start, first.end, first.stable_end) == (epoch, 7, 9, 90)
    assert (second.start, second.end, len(second.records)) == (9, 12, 3)
    assert desk.delivered(A) == 12


async def test_what_cannot_be_seen_is_no_hole(desk: FetchDesk, client: Client) -> None:
    desk.place(client, A, 0)
    client.arrive(A, 3, 3)
    assert await desk.fetch(client, 0.01) == []
    client.arrive(A, 5, 6)
    (batch,) = await desk.fetch(client, 1.0)
    assert (batch.start, batch.end) == (0, 6)


async def test_a_position_that_moved_by_itself_shows(desk: FetchDesk, client: Client) -> None:
    desk.place(client, A, 0)
    client.states[A].position = 40
    client.arrive(A, 40, 42)
    (batch,) = await desk.fetch(client, 1.0)
    assert (batch.start, batch.end) == (40, 42)


async def test_a_new_seek_is_a_new_epoch(desk: FetchDesk, client: Client) -> None:
    first = desk.place(client, A, 0)
    client.arrive(A, 0, 5)
    await desk.fetch(client, 1.0)
    assert desk.place(client, A, 2) > first
    client.arrive(A, 2, 5)
    (batch,) = await desk.fetch(client, 1.0)
    assert (batch.start, desk.delivered(B)) == (2, 0)


async def test_release_ends_the_wait(desk: FetchDesk, client: Client) -> None:
    desk.place(client, B, 0)
    desk.hold(B)
    client.arrive(B, 0, 1)
    waiting = asyncio.ensure_future(desk.fetch(client, 30.0))
    await asyncio.sleep(0)
    desk.release(B)
    assert [batch.tp for batch in await waiting] == [B]


async def test_nothing_is_taken_while_partitions_move(desk: FetchDesk, client: Client) -> None:
    desk.place(client, A, 0)
    client.arrive(A, 0, 1)
    client._subscriptions.reassignment_in_progress = True
    assert await desk.fetch(client, 30.0) == []
    assert client.asked == []


async def test_a_partition_without_a_position_waits(desk: FetchDesk, client: Client) -> None:
    desk.place(client, A, 0)
    desk.place(client, B, 0)
    client.states[A].has_valid_position = False
    client.arrive(B, 0, 1)
    assert [batch.tp for batch in await desk.fetch(client, 1.0)] == [B]
    assert client.asked == [{B}]


async def test_a_stopped_consumer_says_so(desk: FetchDesk, client: Client) -> None:
    client._closed = True
    with pytest.raises(ConsumerStoppedError):
        await desk.fetch(client, 1.0)
