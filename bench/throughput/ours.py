"""Ours: what `homeostat worker --role observe` calls, with the transport's checkpoints and everything else switched on.

Only the watching is the benchmark's: when consuming begins, whether all is done, and what the last checkpoint cost.
"""

import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.throughput.account import Meter, Reading
from bench.throughput.job import Job
from homeostat.detectors.stage import Stage
from homeostat.schemas.log import Output, Record
from homeostat.schemas.topics import TRACES
from homeostat.streams import app
from homeostat.streams.keys import MASTERS, TRUST
from homeostat.streams.roles import run_role
from homeostat.streams.settings import HttpSettings, KafkaSettings, KeySettings, Settings
from homeostat.streams.transport import StageSpec, Wiring
from homeostat.streams.transport.state_log import TransactionalStateLog

_POLL_S = 0.25
_QUIET_S = 3.0
"""Summaries that the leaves wrote reach the parents well within this; it is waited for, not measured."""


class Watch:
    """When consuming began, when a stage last worked, when a checkpoint was last committed."""

    def __init__(self, ends: Mapping[str, int]) -> None:
        self.meter: Meter | None = None
        self.stages: list[WatchedStage] = []
        self.checkpoints = 0
        self.worked = self.saved = Reading.take()
        self._ends = {int(partition): end for partition, end in ends.items()}

    def wrap(self, spec: StageSpec) -> StageSpec:
        def build(partition: int, partition_count: int) -> Stage:
            return WatchedStage(spec.factory(partition, partition_count), spec.input_topic, partition, self)

        return spec._replace(factory=build)

    def watch_stages(self) -> None:
        """Watch the stages that this process builds."""
        build = app.build_stages

        def build_watched(role: str, settings: Settings) -> tuple[list[StageSpec], Wiring]:
            specs, wiring = build(role, settings)
            return [self.wrap(spec) for spec in specs], wiring

        app.build_stages = build_watched

    def begin(self) -> None:
        """The first partition is restored: fetching comes next."""
        if self.meter is None:
            self.meter = Meter()

    def is_done(self) -> bool:
        """Whether the input is read to its end, everything is saved, and nothing has come for a while."""
        reached = {stage.partition: stage.next_offset for stage in self.stages if stage.topic == TRACES}
        quiet_s = Reading.take().clock_s - max(self.saved.clock_s, self.worked.clock_s)
        return reached == self._ends and self.saved.clock_s > self.worked.clock_s and quiet_s > _QUIET_S

    def watch_checkpoints(self) -> None:
        """Note every committed checkpoint of this process."""
        write = TransactionalStateLog.write

        async def write_and_note(log: TransactionalStateLog, changes: Any, outputs: Any) -> None:
            await write(log, changes, outputs)
            self.saved = Reading.take()
            self.checkpoints += 1

        TransactionalStateLog.write = write_and_note  # type: ignore[method-assign, assignment]  # the benchmark's own watching


class WatchedStage:
    """A stage, watched; every call goes through."""

    def __init__(self, stage: Stage, topic: str, partition: int, watch: Watch) -> None:
        self.stage, self.topic, self.partition, self._watch = stage, topic, partition, watch
        self.drain_changes, self.state_records = stage.drain_changes, stage.state_records
        watch.stages.append(self)

    @property
    def next_offset(self) -> int:
        return self.stage.next_offset

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        self.stage.restore(state_records)
        self._watch.begin()

    def apply(self, records: Sequence[Record]) -> list[Output]:
        if self._watch.meter is not None:
            self._watch.meter.note_first()
        outputs = self.stage.apply(records)
        self._watch.worked = Reading.take()
        return outputs


def run(job: Job) -> dict[str, Any]:
    settings = make_settings(job)
    watch = Watch(job.ends)
    watch.watch_stages()
    watch.watch_checkpoints()
    threading.Thread(target=_end_when_done, args=(watch,), daemon=True).start()
    run_role("observe", settings)
    if watch.meter is None:
        raise RuntimeError("no partition was served")
    watch.meter.ended = watch.saved
    counts = _count(watch.stages)
    lost = sum(number for name, number in counts.items() if name.startswith(_NOT_PROCESSED))
    return job.conclude(
        job.traces - lost,
        watch.meter,
        None,
        checkpoints=watch.checkpoints,
        counts=counts,
        parents_next={str(s.partition): s.next_offset for s in watch.stages if s.topic != TRACES},
    )


_NOT_PROCESSED = ("refused_", "duplicate", "not_evaluated", "late")


def make_settings(job: Job) -> Settings:
    """The defaults of a worker, but for where things are."""
    keys = Path(job.folder) / "keys"
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=job.address, group_prefix=job.group),
        keys=KeySettings(trust_folder=keys / TRUST, mac_masters_folder=keys / MASTERS),
        http=HttpSettings(metrics_port=0),
        log_level="error",
    )


def _end_when_done(watch: Watch) -> None:
    pause = threading.Event()
    while not watch.is_done():
        pause.wait(_POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _count(stages: Sequence[WatchedStage]) -> dict[str, int]:
    total: dict[str, int] = {}
    for watched in stages:
        for name, number in getattr(watched.stage, "counts", {}).items():
            total[name] = total.get(name, 0) + number
    return total
