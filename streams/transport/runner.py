"""One partition of one stage on this worker: claim, restore, apply, checkpoint, heal, close.

The way that was exact: claiming starts the transactional producer, which fences whoever owned the partition and ends
its open transaction; only then is the state read; then the source is sought to where the state stands. Any error
drops the state, because it may be ahead of what is saved, and the partition is claimed again.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog
from aiokafka.errors import KafkaError, ProducerFenced
from faust.types import TP

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.errors import BuildRefusesMost, HomeostatError, StateCorrupt
from homeostat.streams import failpoints
from homeostat.streams.transport.applier import Applier
from homeostat.streams.transport.batch import Batch
from homeostat.streams.transport.errors import BatchLost, OffsetPoisoned, SignerMissing, StateAheadOfLog
from homeostat.streams.transport.held import Held
from homeostat.streams.transport.meters import Meters
from homeostat.streams.transport.outputs import Outputs
from homeostat.streams.transport.pace import Backoff, Stall
from homeostat.streams.transport.source import Source
from homeostat.streams.transport.spec import Coordinates, StageFactory
from homeostat.streams.transport.state_log import StateLog

log = structlog.get_logger("homeostat.transport")

_ENDING = (BuildRefusesMost, OffsetPoisoned, SignerMissing)
"""What no restore makes good: the worker ends."""
_STOP_CLIENT_S = 1.0
_CORRUPT_PAUSE_S = 30.0


class Phase(StrEnum):
    """Where a partition's life stands."""

    RESTORING = "restoring"
    READY = "ready"
    HEALING = "healing"
    CORRUPT = "corrupt"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True)
class Parts:
    """What a runner is given: ports, the stage's factory, and where to report what must end the worker."""

    factory: StageFactory
    source: Source
    state_log: StateLog
    outputs: Outputs
    is_compacted: Callable[[str], bool]
    restores: asyncio.Semaphore
    fatal: Callable[[HomeostatError], None]
    checkpoint_interval_s: float
    batch_records: int


class PartitionRunner:
    """Serves one partition until it is closed. Batches come through `take`; checkpoints run beside them."""

    def __init__(self, where: Coordinates, parts: Parts) -> None:
        self.where = where
        self.tp = TP(where.topic, where.partition)
        self.phase = Phase.RESTORING
        self._parts = parts
        self._held: Held | None = None
        self._committed: int | None = None
        self._failure: BaseException | None = None
        self._closing_point: str | None = None
        self._is_over = False
        self._meters = Meters(where.stage, where.partition)
        self._applier = Applier(where, self._meters, parts.batch_records)
        self._backoff = Backoff()
        self._stall = Stall()
        self._apply_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = log.bind(stage=where.stage, topic=where.topic, partition=where.partition)

    def start(self) -> None:
        """Claim and restore in the background."""
        self._task = asyncio.create_task(self._live(), name=f"runner {self.where.stage}[{self.where.partition}]")

    async def close(self, point: str, limit_s: float) -> None:
        """Save once more if there is something to save, give up the claim, drop the state; all within the limit."""
        was_ready, self.phase, self._closing_point = self.phase is Phase.READY, Phase.CLOSING, point
        self._parts.source.withdraw(self.tp)
        self._wake.set()
        if self._task is not None:
            if was_ready:
                await asyncio.wait({self._task}, timeout=limit_s)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_STOP_CLIENT_S)
        await self._drop()
        self.phase = Phase.CLOSED
        self._meters.forget()

    async def take(self, batch: Batch) -> None:
        """Apply a batch in slices. A batch of an older seek is passed over; one after a hole is fetched again."""
        self._meters.lag.set(max(0, batch.stable_end - batch.end))
        for records in self._applier.slices(batch.records):
            async with self._apply_lock:
                held = self._held
                if held is None or self.phase is not Phase.READY or held.epoch != batch.epoch:
                    return
                try:
                    await self._apply(held, batch, records)
                except Exception as error:  # noqa: BLE001 the partition's boundary: every error drops its state
                    self._fail(error)
                    return
            await asyncio.sleep(0)

    async def _apply(self, held: Held, batch: Batch, records: RecordBlock) -> None:
        if batch.start > held.position:
            await self._bridge(held, batch)
        outputs = self._applier.apply(held.stage, records)
        appended = held.keep(outputs, self._parts.is_compacted)
        last = records.last_offset
        held.position = batch.end if last == batch.records.last_offset else last + 1
        if appended:
            held.under_way += await self._parts.outputs.send(appended, held.generation)
        if held.compacted:
            self._wake.set()

    async def _bridge(self, held: Held, batch: Batch) -> None:
        """Accept a batch that begins above the position only if the log itself begins above it."""
        start, _ = await self._parts.source.bounds(self.tp)
        if start <= held.position:
            raise BatchLost(f"{self.tp.topic}[{self.tp.partition}] expected {held.position}, got {batch.start}")
        self._note_gap(held.position, start)

    def _fail(self, error: Exception) -> None:
        """Stop serving at once; the runner's own task drops the state and heals."""
        self._parts.source.withdraw(self.tp)
        if self.phase is Phase.READY:
            self.phase = Phase.HEALING
        self._failure = error
        self._wake.set()

    async def _live(self) -> None:
        while self._closing_point is None and not self._is_over:
            try:
                await self._open()
                await self._serve()
            except StateCorrupt as error:
                self._log.error("state is not usable: partition is not served", reason=str(error))
                await self._drop()
                self.phase = Phase.CORRUPT
                await asyncio.sleep(_CORRUPT_PAUSE_S)
            except Exception as error:  # noqa: BLE001 the partition's boundary: every error drops its state
                await self._heal(error)

    async def _heal(self, error: Exception) -> None:
        fenced = isinstance(error, ProducerFenced)
        (self._meters.fenced if fenced else self._meters.healed).inc()
        if isinstance(error, BatchLost):
            self._meters.lost_batches.inc()
        is_known = isinstance(error, KafkaError | HomeostatError)
        self._log.warning("state dropped", fenced=fenced, reason=repr(error), exc_info=None if is_known else error)
        await self._drop()
        if isinstance(error, _ENDING):
            self._is_over = True
            self._parts.fatal(error)
        elif self._closing_point is None:
            self.phase = Phase.HEALING
            await asyncio.sleep(self._backoff.next_s())

    async def _open(self) -> None:
        started_s = time.monotonic()
        self._failure = None
        source = self._parts.source
        if self._committed is not None:
            # only a member of the group that still has this partition may fence whoever has it now
            await source.commit(self.tp, self._committed)
        async with self._parts.restores:
            held = await self._restore()
        await source.commit(self.tp, held.position)
        self._committed = held.position
        held.epoch = await source.place(self.tp, held.position)
        if self._closing_point is None:
            self._held, self.phase, self._stall = held, Phase.READY, Stall()
            self._meters.ready.set(1)
            self._meters.restore_s.observe(time.monotonic() - started_s)
            self._log.info("partition ready", offset=held.position, took_s=round(time.monotonic() - started_s, 3))

    async def _restore(self) -> Held:
        generation = await self._parts.outputs.open()
        await self._parts.state_log.claim()
        failpoints.hit("claim.before_restore")
        records = await self._parts.state_log.read()
        stage = self._parts.factory(self.where.partition, self.where.partition_count)
        stage.restore(records)
        failpoints.hit("restore.after")
        start, end = await self._parts.source.bounds(self.tp)
        if stage.next_offset > end:
            raise StateAheadOfLog(
                f"state of {self.where.stage}[{self.where.partition}] expects offset {stage.next_offset}, its log ends "
                f"at {end}: the input topic was made anew or cut; restore it, or start with another group prefix"
            )
        if start > stage.next_offset:
            self._note_gap(stage.next_offset, start)
        return Held(stage, max(start, stage.next_offset), generation)

    async def _serve(self) -> None:
        """Checkpoint at the interval, at once when compacted outputs wait, and a last time when closing."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._parts.checkpoint_interval_s):
                    await self._wake.wait()
            self._wake.clear()
            if self._failure is not None:
                raise self._failure
            closing_point = self._closing_point
            if self._held is not None and self._held.dirty:
                if closing_point is not None:
                    failpoints.hit(closing_point)
                await self._checkpoint(self._held)
            if closing_point is not None:
                return
            self._watch()

    async def _checkpoint(self, held: Held) -> None:
        started_s = time.monotonic()
        async with self._apply_lock:
            if self._failure is not None:
                raise self._failure
            taken = held.take_snapshot()
        await self._parts.outputs.settle(taken.under_way, held.generation)
        failpoints.hit("outputs.after_before_txn")
        await self._parts.state_log.write(taken.changes, taken.compacted)
        failpoints.hit("txn.after_commit_before_source_commit")
        await self._parts.source.commit(self.tp, taken.position)
        failpoints.hit("source.committed")
        self._committed = taken.position
        self._backoff.reset()
        self._meters.state_records.inc(len(taken.changes))
        self._meters.checkpoint_s.observe(time.monotonic() - started_s)
        self._meters.checkpoint_time.set_to_current_time()

    def _watch(self) -> None:
        """Notice a batch that was fetched and never came, with none after it to show the hole."""
        held = self._held
        delivered = self._parts.source.delivered(self.tp)
        if held is not None and self._stall.lasts(held.position, delivered, time.monotonic()):
            raise BatchLost(f"{self.tp.topic}[{self.tp.partition}] stands at {held.position}, fetched to {delivered}")

    async def _drop(self) -> None:
        held, self._held = self._held, None
        self._meters.ready.set(0)
        self._parts.source.withdraw(self.tp)
        if held is not None:
            held.let_go()
        await self._parts.state_log.close(_STOP_CLIENT_S)

    def _note_gap(self, expected: int, start: int) -> None:
        if expected > 0:
            self._meters.log_gaps.inc()
            self._log.error("log begins above the expected offset", expected=expected, start=start)
