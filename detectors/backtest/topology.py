"""The whole topology in one process: the five stages and the control relay over logs in memory, on a manual clock."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from homeostat.detectors.backtest.log_store import LogStore, Place
from homeostat.detectors.control_relay import ControlRelay
from homeostat.detectors.stage import Stage
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import LogRecord, Output, Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.summary import Marker
from homeostat.schemas.topics import (
    ACKS,
    BASELINES,
    CONTROLS,
    DECISIONS,
    DRIFT_EVENTS,
    EFFECTS,
    OVERRIDES,
    POLICIES,
    RELEASES,
    ROLLOUTS,
    STAGE_INPUTS,
    SUMMARIES,
)

StageFactory = Callable[[int, int], Stage]
"""(partition, partition count) to an empty stage."""
Finish = Callable[[Output], Output]
"""What the shell does to an output before it leaves: signing, sealing."""

RELAYED = (POLICIES, RELEASES, ROLLOUTS, OVERRIDES, BASELINES, CONTROLS, DECISIONS, EFFECTS, ACKS, DRIFT_EVENTS)
_MARKER_PARTITION = 0
_FORGET_EVERY = 5_000
_DRAIN_EVERY = 100_000
"""Stages note what changed for a checkpoint that nobody takes here; making one costs more than holding the notes."""


class Topology:
    """Runs what is appended through every stage until nothing is left to read.

    It is deterministic: the same appends, ticks and factories give the same logs. `factories` name the stages that
    run (all five, or some); time stands still between calls of `tick`. Control writes into the inputs in `controlled`
    (None: all; a dump brings its own control records). Topics that `retained` does not name are forgotten once read
    (None: none are); what is sent to those in `passing` is handed over like `hand_over`'s records, in one order with
    them.
    """

    def __init__(
        self,
        partitions: int,
        factories: Mapping[str, StageFactory],
        finish: Finish,
        retained: Collection[str] | None = None,
        controlled: Collection[str] | None = None,
        passing: Collection[str] = (),
    ) -> None:
        self.logs = LogStore(partitions, retained)
        self.relay = ControlRelay(partitions, finish)
        self.now_ms = 0
        self.relay_refused: dict[str, int] = {}
        self._watches: list[Callable[[Topology], None]] = []
        self._finish = finish
        self._passing = frozenset(passing)
        self._controlled = frozenset(STAGE_INPUTS.values() if controlled is None else controlled)
        self._stages = {
            (name, part): factories[name](part, partitions)
            for name in STAGE_INPUTS
            if name in factories
            for part in range(partitions)
        }
        relayed = [(topic, part) for topic in RELAYED for part in range(self.logs.partitions(topic))]
        self._relay_places = (*relayed, (SUMMARIES, _MARKER_PARTITION))
        self._read: dict[Place, int] = {}
        self._handed: dict[tuple[str, int], list[Sequence[Record]]] = {}
        self._since_forgotten = self._since_drained = 0

    def stage(self, name: str, partition: int) -> Stage:
        """One running stage."""
        return self._stages[name, partition]

    def stages(self) -> Mapping[tuple[str, int], Stage]:
        """Every running stage by name and partition."""
        return self._stages

    def send(self, output: Output) -> tuple[int, int]:
        """Finish an output and append it; gives (partition, offset). Nothing reads it before `run`."""
        finished = self._finish(output)
        if finished.topic not in self._passing:
            return self.logs.send(finished)
        partition = self.logs.partition_for(finished)
        offset = self.logs.log(finished.topic, partition).end
        record = LogRecord(offset, finished.timestamp, finished.key, finished.value, finished.headers)
        self.hand_over(finished.topic, partition, [record])
        return partition, offset

    def hand_over(self, topic: str, partition: int, records: Sequence[Record]) -> None:
        """Give records as they are, under their own offsets, to the one stage that reads them; they are not kept."""
        self.logs.log(topic, partition).pass_by(records)
        self._handed.setdefault((topic, partition), []).append(records)

    def watch(self, look: "Callable[[Topology], None]") -> None:
        """Let someone look after every tick, at records that are not forgotten yet; looking changes nothing."""
        self._watches.append(look)

    def tick(self, now_ms: int) -> None:
        """Let it be `now_ms`: control ticks, and everything runs."""
        self._forget()
        self.now_ms = max(self.now_ms, now_ms)
        self._control(self.relay.tick(self.now_ms))
        self.run()
        for look in self._watches:
            look(self)

    def snapshot(self) -> None:
        """Let control write all its documents to every input: from then on stages evaluate."""
        self.run()
        self._control(self.relay.snapshot(self.now_ms))
        self.run()

    def run(self) -> int:
        """Let every stage and the relay read until nothing is left; gives how many records were read."""
        total = 0
        while read := self._run_relay() + sum(self._run_stage(name, part) for name, part in self._stages):
            total += read
        self._since_forgotten += total
        return total

    def _forget(self) -> None:
        """Drop what everyone has read and seen, and the stages' notes of what changed, now and then."""
        if self._since_forgotten >= _FORGET_EVERY:
            self._since_drained += self._since_forgotten
            self._since_forgotten = 0
            self.logs.forget_read(self._read)
        if self._since_drained >= _DRAIN_EVERY:
            self._since_drained = 0
            for stage in self._stages.values():
                stage.drain_changes()

    def _control(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if output.topic in self._controlled:
                self.send(output)

    def _run_stage(self, name: str, partition: int) -> int:
        topic = STAGE_INPUTS[name]
        parts = [*self._handed.pop((topic, partition), ()), self._take_new(name, topic, partition)]
        for records in filter(len, parts):
            for output in self._stages[name, partition].apply(records):
                self.send(output)
        return sum(map(len, parts))

    def _run_relay(self) -> int:
        read = 0
        for topic, part in self._relay_places:
            records = self._take_new("control", topic, part)
            read += len(records)
            for record in records:
                self._relay_record(topic, record)
        return read

    def _relay_record(self, topic: str, record: LogRecord) -> None:
        ce_type = (find_header(record.headers, CE_TYPE) or b"").decode("ascii", "replace")
        try:
            if topic == SUMMARIES:
                if ce_type == Marker.ce_type:
                    marker, _ = parse_message(Marker, record.value)
                    self.relay.hear(marker.source_partition, marker.mark, self.now_ms)
                return
            copies = [] if record.value is None else self.relay.take(record.value, ce_type, self.now_ms)
        except (PoisonRecord, SignatureRefused) as error:
            self.relay_refused[error.reason.value] = self.relay_refused.get(error.reason.value, 0) + 1
            return
        self._control(copies)

    def _take_new(self, reader: str, topic: str, partition: int) -> list[LogRecord]:
        log, place = self.logs.log(topic, partition), (reader, topic, partition)
        records = log.read(self._read.get(place, 0))
        self._read[place] = log.count()
        return records
