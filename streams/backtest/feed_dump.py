"""A dump of `traces.v1` through the topology: its own records, times and control records, as they were."""

from collections.abc import Iterable

from homeostat.detectors.control_types import CONTROL_KINDS
from homeostat.schemas.control import CONTROL_HEADER, ControlType, Tick
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import BASELINES, CONTROLS, POLICIES, RELEASES, ROLLOUTS, TRACES
from homeostat.streams.backtest.dump_file import DumpRow
from homeostat.streams.backtest.platform import Platform

_DOCUMENT_TOPICS = {
    ControlType.POLICY: POLICIES,
    ControlType.RELEASE: RELEASES,
    ControlType.ROLLOUT: ROLLOUTS,
    ControlType.BASELINE: BASELINES,
    ControlType.SEAL_BASELINE: CONTROLS,
    ControlType.KEY_ACTIVATION: CONTROLS,
    ControlType.KERNEL_VERSION: CONTROLS,
}


class DumpFeeder:
    """Feeds a dump partition by partition in time. What it says to the leaves, control says to the other stages.

    Decisions in the dump are the live guard's: the leaves follow them, and the backtest's guard judges anew.
    """

    def __init__(self, platform: Platform) -> None:
        self._topology = platform.topology
        self._leading: int | None = None
        self.fed = 0
        self.from_ms = 0
        self.to_ms = 0

    def feed(self, rows: Iterable[DumpRow]) -> None:
        """Feed all records, which are in one order of time."""
        for partition, record in rows:
            self._topology.append(TRACES, partition, record)
            self.fed += 1
            self.from_ms = self.from_ms or record.timestamp
            self.to_ms = max(self.to_ms, record.timestamp)
            kind = _read_kind(record)
            if kind is not None:
                self._follow(kind, partition, record)
        self._topology.run()

    def _follow(self, kind: ControlType, partition: int, record: LogRecord) -> None:
        topic = _DOCUMENT_TOPICS.get(kind)
        if topic is not None:
            self._topology.now_ms = max(self._topology.now_ms, record.timestamp)
            self._topology.send(Output(topic, record.key or b"", record.value, record.timestamp, record.headers))
        elif kind is ControlType.SNAPSHOT_END and self._leading in {None, partition}:
            self._leading = partition
            self._topology.snapshot()
        elif kind is ControlType.TICK:
            at_ms = _read_tick(record)
            if at_ms > self._topology.now_ms:
                self._topology.tick(at_ms)


def _read_kind(record: LogRecord) -> ControlType | None:
    name = find_header(record.headers, CONTROL_HEADER)
    known = {kind.value.encode(): kind for kind in CONTROL_KINDS}
    return None if name is None else known.get(name)


def _read_tick(record: LogRecord) -> int:
    try:
        return parse_message(Tick, read_envelope(record.value)[1])[0].at_ms
    except (PoisonRecord, SignatureRefused):
        return 0
