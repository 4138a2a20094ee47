"""A log of `traces.v1` under another policy: its traces, times and documents, but for the policy and what it led to."""

from collections.abc import Iterator

import numpy as np

from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.record_index import OFFSET
from homeostat.schemas.log import Record
from homeostat.schemas.topics import POLICIES, TRACES
from homeostat.streams.backtest.feed_log import LogFeeder
from homeostat.streams.backtest.lane import Lane, Moment
from homeostat.streams.backtest.platform import Documents, Platform

ASSUMPTION = (
    "decisions of the log are left out and the guard judges anew; what it would have exposed differently cannot be "
    "seen: sessions have the arms that they had"
)


class ReplacedFeeder(LogFeeder):
    """Feeds the data records of a log, renumbered, among control records that the backtest's control makes anew.

    Build the platform with `passing=(TRACES,)`. Policies of the log are replaced by that of `documents` from the
    beginning on; releases, rollouts, baselines and keys are the log's.
    """

    def __init__(self, platform: Platform, documents: Documents) -> None:
        super().__init__(platform)
        self._platform = platform
        self._to_publish = [each for each in documents.to_publish if each.topic == POLICIES]

    def _take(self, lane: Lane, moment: Moment | None) -> Iterator[RecordBlock]:
        for block in lane.take_data(moment):
            spans = block.spans.copy()
            first = self._topology.logs.log(TRACES, lane.partition).end
            spans[:, OFFSET] = np.arange(first, first + len(spans))
            yield RecordBlock(block.raw, spans)

    def _send_document(self, topic: str, record: Record) -> None:
        """As the log's own, but the policy: it is published once, where the log has its first."""
        if topic != POLICIES:
            super()._send_document(topic, record)
            return
        to_publish, self._to_publish = self._to_publish, []
        self._platform.publish(to_publish, record.timestamp)
