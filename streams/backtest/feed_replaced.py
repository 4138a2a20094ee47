"""A log of `traces.v1` under another policy: its traces, times and documents, but for the policy and what it led to."""

import heapq
from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np

from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.record_index import OFFSET, TIMESTAMP
from homeostat.schemas.control import CONTROL_HEADER, ControlType
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Output, Record
from homeostat.schemas.topics import POLICIES, TRACES
from homeostat.streams.archive.reader import Part
from homeostat.streams.backtest.feed_log import DOCUMENT_TOPICS, KINDS, read_tick
from homeostat.streams.backtest.lane import Lane, Moment
from homeostat.streams.backtest.platform import Documents, Platform

ASSUMPTION = (
    "decisions of the log are left out and the guard judges anew; what it would have exposed differently cannot be "
    "seen: sessions have the arms that they had"
)


class ReplacedFeeder:
    """Feeds the data records of a log, renumbered, among control records that the backtest's control makes anew.

    Build the platform with `passing=(TRACES,)`. Policies of the log are replaced by that of `documents` from the
    beginning on; releases, rollouts, baselines and keys are the log's.
    """

    def __init__(self, platform: Platform, documents: Documents) -> None:
        self._platform, self._topology = platform, platform.topology
        self._to_publish = [each for each in documents.to_publish if each.topic == POLICIES]
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

    def _hand_over(self, lanes: Sequence[Lane], moment: Moment | None) -> None:
        for lane in lanes:
            for block in lane.take_data(moment):
                times = block.spans[:, TIMESTAMP]
                spans = block.spans.copy()
                first = self._topology.logs.log(TRACES, lane.partition).end
                spans[:, OFFSET] = np.arange(first, first + len(spans))
                self._topology.hand_over(TRACES, lane.partition, RecordBlock(block.raw, spans))
                self.fed += len(block)
                self.from_ms = min(self.from_ms or int(times[0]), int(times[0]))
                self.to_ms = max(self.to_ms, int(times.max()))

    def _follow(self, kind: ControlType, moment: Moment, record: Record, lanes: Sequence[Lane]) -> None:
        topic = DOCUMENT_TOPICS.get(kind)
        if kind is ControlType.POLICY:
            self._replace_policy(record.timestamp)
        elif topic is not None:
            self._topology.now_ms = max(self._topology.now_ms, record.timestamp)
            self._topology.send(Output(topic, record.key or b"", record.value, record.timestamp, record.headers))
        elif kind is ControlType.SNAPSHOT_END and self._leading in {None, moment.partition}:
            self._leading = moment.partition
            self._hand_over(lanes, moment)
            self._topology.snapshot()
        elif kind is ControlType.TICK:
            at_ms = read_tick(record)
            if at_ms > self._topology.now_ms:
                self._hand_over(lanes, moment)
                self._topology.tick(at_ms)

    def _replace_policy(self, at_ms: int) -> None:
        """Publish the policy once, where the log has its first."""
        to_publish, self._to_publish = self._to_publish, []
        self._platform.publish(to_publish, at_ms)
