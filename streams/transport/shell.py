"""A role's partitions on this worker: which are assigned, which are open, and what ends the worker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from faust.types import TP

from homeostat.schemas.errors import HomeostatError, TopicsUnfit
from homeostat.streams.health import Probe
from homeostat.streams.settings import Settings
from homeostat.streams.transport.batch import Batch
from homeostat.streams.transport.clients import group_id
from homeostat.streams.transport.outputs import OutputProducer
from homeostat.streams.transport.runner import PartitionRunner, Parts, Phase
from homeostat.streams.transport.source import Source
from homeostat.streams.transport.spec import Coordinates, StageSpec, Wiring
from homeostat.streams.transport.state_log import PlainStateLog, StateLog, TransactionalStateLog

log = structlog.get_logger("homeostat.transport")

_RESTORES_AT_ONCE = 4
_REVOKE_LIMIT_S = 15.0


class RoleShell:
    """Opens a runner for each assigned partition and closes it when the partition goes."""

    def __init__(
        self,
        settings: Settings,
        role: str,
        specs: Sequence[StageSpec],
        partition_counts: Mapping[str, int],
        wiring: Wiring,
    ) -> None:
        self._settings = settings
        self._group = group_id(settings, role)
        self._specs = {spec.input_topic: spec for spec in specs}
        self._counts = partition_counts
        self._wiring = wiring
        self._outputs = OutputProducer(settings, wiring.finish)
        self._restores = asyncio.Semaphore(_RESTORES_AT_ONCE)
        self._source: Source | None = None
        self._assigned: frozenset[TP] | None = None
        self._runners: dict[TP, PartitionRunner] = {}
        self._is_stopping = False
        self.error: HomeostatError | None = None
        self.on_fatal: Callable[[], None] = lambda: None

    def connect(self, source: Source) -> None:
        """Take the port to the input partitions, once the consumer has one."""
        self._source = source

    def note_assigned(self, assigned: frozenset[TP]) -> None:
        """Remember what the group gave; `claim_assigned` follows when fetching may begin."""
        self._assigned = assigned

    def claim_assigned(self) -> None:
        """Open what is assigned and not open yet."""
        if self._is_stopping or self._assigned is None:
            return
        for tp in sorted(self._assigned - self._runners.keys()):
            if tp.partition >= self._counts[tp.topic]:
                self.end(TopicsUnfit(f"{tp.topic} has grown beyond {self._counts[tp.topic]} partitions: undo it"))
                return
            self._runners[tp] = runner = self._make_runner(tp)
            runner.start()

    async def on_revoked(self, revoked: frozenset[TP]) -> None:
        """Save and close what is taken away."""
        self._assigned = None if self._assigned is None else self._assigned - revoked
        await self._close(revoked, "revoke.before_final_checkpoint", _REVOKE_LIMIT_S)

    async def stop(self) -> None:
        """Save and close everything, then the outputs' producer; Faust has the rest of the time to stop."""
        self._is_stopping = True
        limit_s = 0.4 * self._settings.worker.stop_timeout_s
        await self._close(frozenset(self._runners), "stop.final_checkpoint", limit_s)
        await self._outputs.close(1.0)

    async def take(self, batch: Batch) -> None:
        """Hand a batch to its partition; one of a partition that went away is nobody's loss."""
        runner = self._runners.get(batch.tp)
        if runner is not None:
            await runner.take(batch)

    def end(self, error: HomeostatError) -> None:
        """End the worker loudly; the first error given is the one it ends with."""
        if self.error is None:
            self.error = error
            log.critical("worker ends", error=type(error).__name__, reason=str(error))
            self.on_fatal()

    def probe(self) -> Probe:
        """Ready once the group has given partitions (perhaps none) and all of them are restored and served."""
        phases = {f"{tp.topic}[{tp.partition}]": runner.phase for tp, runner in list(self._runners.items())}
        waiting = {name: phase for name, phase in phases.items() if phase is not Phase.READY}
        assigned = self._assigned
        ok = not self._is_stopping and assigned is not None and len(phases) == len(assigned) and not waiting
        return Probe(ok, {"assigned": None if assigned is None else len(assigned), "not_ready": waiting})

    async def _close(self, tps: frozenset[TP], point: str, limit_s: float) -> None:
        gone = [runner for tp in tps if (runner := self._runners.pop(tp, None)) is not None]
        await asyncio.gather(*(runner.close(point, limit_s) for runner in gone))

    def _make_runner(self, tp: TP) -> PartitionRunner:
        if self._source is None:
            raise RuntimeError("partitions are claimed after the consumer is connected")
        spec = self._specs[tp.topic]
        parts = Parts(
            factory=spec.factory,
            source=self._source,
            state_log=self._make_state_log(spec, tp.partition),
            outputs=self._outputs,
            is_compacted=self._wiring.is_compacted,
            restores=self._restores,
            fatal=self.end,
            checkpoint_interval_s=self._settings.worker.checkpoint_interval_s,
            batch_records=self._settings.worker.batch_records,
        )
        return PartitionRunner(Coordinates(spec.name, tp.topic, tp.partition, self._counts[tp.topic]), parts)

    def _make_state_log(self, spec: StageSpec, partition: int) -> StateLog:
        if not self._settings.worker.transactions:
            return PlainStateLog(self._settings, spec.state_topic, partition, self._wiring.finish)
        return TransactionalStateLog(
            self._settings,
            spec.state_topic,
            partition,
            self._wiring.finish,
            transactional_id=f"{self._group}-{spec.name}-{partition}",
        )
