"""A log of `traces.v1` through the topology: its own records, times and control records, as they were."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from homeostat.detectors.control_types import CONTROL_KINDS
from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.record_index import TIMESTAMP
from homeostat.schemas.control import CONTROL_HEADER, ControlType, Tick
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Output, Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import BASELINES, CONTROLS, OVERRIDES, POLICIES, RELEASES, ROLLOUTS, TRACES
from homeostat.streams.archive.reader import Part
from homeostat.streams.backtest.lane import Lane, Moment
from homeostat.streams.backtest.platform import Platform

DOCUMENT_TOPICS = {
    ControlType.POLICY: POLICIES,
    ControlType.RELEASE: RELEASES,
    ControlType.ROLLOUT: ROLLOUTS,
    ControlType.OVERRIDE: OVERRIDES,
    ControlType.BASELINE: BASELINES,
    ControlType.SEAL_BASELINE: CONTROLS,
    ControlType.KEY_ACTIVATION: CONTROLS,
    ControlType.KERNEL_VERSION: CONTROLS,
}
KINDS = {kind.value.encode(): kind for kind in CONTROL_KINDS}


class LogFeeder:
    """Feeds a log, its partitions side by side in time. What it says to the leaves, control says to the other stages.

    Decisions in the log are the live guard's: the leaves follow them, and the backtest's guard judges anew.
    """

    def __init__(self, platform: Platform) -> None:
        self._topology = platform.topology
        self._leading: int | None = None
        self.fed = 0
        self.from_ms = 0
        self.to_ms = 0

    def feed(self, partitions: Iterable[tuple[int, Iterable[Part]]]) -> None:
        """Feed all records in one order of time; the order within a partition stays."""
        lanes = [Lane(partition, parts) for partition, parts in partitions]
        for moment, record in heapq.merge(*(lane.controls() for lane in lanes), key=itemgetter(0)):
            kind = KINDS.get(find_header(record.headers, CONTROL_HEADER) or b"")
            if kind is not None:
                self._follow(kind, moment, record, lanes)
        self._hand_over(lanes, None)
        self._topology.run()

    def _take(self, lane: Lane, moment: Moment | None) -> Iterator[RecordBlock]:
        """The blocks to hand over that come at or before a moment."""
        return lane.take(moment)

    def _send_document(self, topic: str, record: Record) -> None:
        """Let the topology have a document of the log."""
        self._topology.now_ms = max(self._topology.now_ms, record.timestamp)
        self._topology.send(Output(topic, record.key or b"", record.value, record.timestamp, record.headers))

    def _hand_over(self, lanes: Sequence[Lane], moment: Moment | None) -> None:
        for lane in lanes:
            for block in self._take(lane, moment):
                times = block.spans[:, TIMESTAMP]
                self._topology.hand_over(TRACES, lane.partition, block)
                self.fed += len(block)
                self.from_ms = min(self.from_ms or int(times[0]), int(times[0]))
                self.to_ms = max(self.to_ms, int(times.max()))

    def _follow(self, kind: ControlType, moment: Moment, record: Record, lanes: Sequence[Lane]) -> None:
        topic = DOCUMENT_TOPICS.get(kind)
        if topic is not None:
            self._send_document(topic, record)
        elif kind is ControlType.SNAPSHOT_END and self._leading in {None, moment.partition}:
            self._leading = moment.partition
            self._hand_over(lanes, moment)
            self._topology.snapshot()
        elif kind is ControlType.TICK:
            at_ms = read_tick(record)
            if at_ms > self._topology.now_ms:
                self._hand_over(lanes, moment)
                self._topology.tick(at_ms)


def read_tick(record: Record) -> int:
    """The time that a tick tells; 0 for one that cannot be read."""
    try:
        return parse_message(Tick, read_envelope(record.value)[1])[0].at_ms
    except (PoisonRecord, SignatureRefused):
        return 0
