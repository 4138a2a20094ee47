"""Ports of a runner, in memory: a source, a state log with one owner, outputs, and a stage that adds numbers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka.errors import ProducerFenced
from faust.types import TP

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.errors import HomeostatError
from homeostat.schemas.log import LogRecord, Output, Record
from homeostat.streams.transport.batch import Batch
from homeostat.streams.transport.errors import OutputsRenewed
from homeostat.streams.transport.runner import PartitionRunner, Parts, Phase
from homeostat.streams.transport.spec import Coordinates

TOPIC = TP("toy.in", 0)
COMPACTED, APPENDED = "toy.latest", "toy.out"


class AddingStage:
    """Adds what records say; an even sum is appended, one divisible by ten is compacted."""

    def __init__(self, partition: int = 0, partition_count: int = 1) -> None:
        self.next_offset = 0
        self.sum = 0
        self.fail: Callable[[Record], None] = lambda record: None

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        if state_records:
            self.next_offset, self.sum = map(int, state_records[b"sum"].split())

    def apply(self, records: Sequence[Record]) -> list[Output]:
        outputs = []
        for record in records:
            self.fail(record)
            self.sum += int(record.value or b"0")
            self.next_offset = record.offset + 1
            topic = COMPACTED if self.sum % 10 == 0 else APPENDED
            if self.sum % 2 == 0:
                outputs.append(Output(topic, b"key", b"%d" % self.sum, record.timestamp))
        return outputs

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        return list(self.state_records().items())

    def state_records(self) -> dict[bytes, bytes]:
        return {b"sum": b"%d %d" % (self.next_offset, self.sum)}


class FakeSource:
    """A partition's log with a group that this worker is a member of, or not."""

    def __init__(self, end: int = 0) -> None:
        self.start, self.end = 0, end
        self.placed: list[int] = []
        self.committed: list[int] = []
        self.handed_out = 0
        self.is_open = False
        self.refuse_commits: Exception | None = None
        self.refused = 0

    async def place(self, tp: TP, offset: int) -> int:
        self.placed.append(offset)
        self.is_open = True
        return len(self.placed)

    def withdraw(self, tp: TP) -> None:
        self.is_open = False

    def delivered(self, tp: TP) -> int:
        return self.handed_out

    async def commit(self, tp: TP, offset: int) -> None:
        if self.refuse_commits is not None:
            self.refused += 1
            raise self.refuse_commits
        self.committed.append(offset)

    async def bounds(self, tp: TP) -> tuple[int, int]:
        return self.start, self.end


class FakeStateLog:
    """State records of one partition and the epoch of its owner, shared by all who claim it."""

    def __init__(self, shared: dict[str, Any] | None = None) -> None:
        empty: dict[str, Any] = {"epoch": 0, "state": {}, "compacted": [], "writes": 0}
        self.shared = empty if shared is None else shared
        self._epoch = -1
        self.fail_writes: list[Exception] = []

    @property
    def state(self) -> dict[bytes, bytes]:
        state: dict[bytes, bytes] = self.shared["state"]
        return state

    async def claim(self) -> None:
        self.shared["epoch"] += 1
        self._epoch = int(self.shared["epoch"])

    async def read(self) -> Mapping[bytes, bytes]:
        return dict(self.state)

    async def write(self, changes: Sequence[tuple[bytes, bytes | None]], outputs: Sequence[Output]) -> None:
        await asyncio.sleep(0)
        if self._epoch != self.shared["epoch"]:
            raise ProducerFenced
        if self.fail_writes:
            raise self.fail_writes.pop()
        self.shared["writes"] += 1
        self.shared["compacted"] += [output.value for output in outputs]
        for key, value in changes:
            assert value is not None
            self.state[key] = value

    async def close(self, limit_s: float) -> None:
        self._epoch = -1


class FakeOutputs:
    """Delivers at once, unless told to hold back or to fail."""

    def __init__(self) -> None:
        self.sent: list[bytes | None] = []
        self.generation = 0
        self.delivered: asyncio.Future[None] | None = None

    async def open(self) -> int:
        return self.generation

    async def send(self, outputs: Sequence[Output], generation: int) -> list[asyncio.Future[Any]]:
        if generation != self.generation:
            raise OutputsRenewed
        self.sent += [output.value for output in outputs]
        if self.delivered is not None:
            return [self.delivered]
        return []

    async def settle(self, futures: Sequence[asyncio.Future[Any]], generation: int) -> None:
        await asyncio.gather(*futures)


class Bench:
    """A runner on fakes, and the moments a test waits for."""

    def __init__(self, end: int = 1000, interval_s: float = 3600.0, state_log: FakeStateLog | None = None) -> None:
        self.source, self.outputs = FakeSource(end), FakeOutputs()
        self.state_log = state_log or FakeStateLog()
        self.stages: list[AddingStage] = []
        self.fatal: list[HomeostatError] = []
        self.fail: Callable[[Record], None] = lambda record: None
        parts = Parts(
            factory=self._make_stage,
            source=self.source,
            state_log=self.state_log,
            outputs=self.outputs,
            is_compacted=lambda topic: topic == COMPACTED,
            restores=asyncio.Semaphore(1),
            fatal=self.fatal.append,
            checkpoint_interval_s=interval_s,
            batch_records=100,
        )
        self.runner = PartitionRunner(Coordinates("toy", *TOPIC, 1), parts)

    def _make_stage(self, partition: int, partition_count: int) -> AddingStage:
        stage = AddingStage(partition, partition_count)
        stage.fail = self.fail
        self.stages.append(stage)
        return stage

    def batch(self, *values: int, start: int, end: int | None = None, epoch: int | None = None) -> Batch:
        """Records from `start` on, one offset after another, of the newest seek unless told otherwise."""
        records = RecordBlock.of(LogRecord(start + n, 0, None, b"%d" % value) for n, value in enumerate(values))
        last = start + len(values)
        return Batch(TOPIC, epoch or len(self.source.placed), start, end or last, last, records)

    async def until_ready(self, times: int) -> None:
        """Wait until it has been restored so many times and serves."""
        await self.until(lambda: len(self.source.placed) == times and self.runner.phase is Phase.READY)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 any state of the fakes may be waited for
                await asyncio.sleep(0.001)
