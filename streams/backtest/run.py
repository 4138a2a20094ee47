"""The two backtests of a log: everything from traces on, or one stage over its own input."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from homeostat.detectors.backtest import LogStore, Topology, replay_batches
from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import Output
from homeostat.schemas.topics import STAGE_INPUTS, SUMMARIES, TOPICS, TRACES
from homeostat.streams.app import stage_factories
from homeostat.streams.archive.reader import Part
from homeostat.streams.backtest.alarm_book import AlarmBook
from homeostat.streams.backtest.assumed_starts import ASSUMPTION
from homeostat.streams.backtest.dump_file import Advance, DumpHead, DumpRow, write_dump
from homeostat.streams.backtest.feed_log import LogFeeder
from homeostat.streams.backtest.feed_replaced import ASSUMPTION as OTHER_POLICY
from homeostat.streams.backtest.feed_replaced import ReplacedFeeder
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.findings import collect_findings
from homeostat.streams.backtest.log_source import LogSource
from homeostat.streams.backtest.platform import REPORTED, Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import TraceRow, read_traces

OWN_KEYS = "traces were authenticated and decisions signed with keys of the backtest, not of an installation"

AS_RECORDED = "the leaves follow the decisions in the log; the guard judges anew, with a key of the backtest"
NO_TARGETS = "what targets serve is not in a log of traces.v1: the sequencer refuses what the guard intends"

Watch = Callable[[Topology], None]
"""Whoever looks at the stages after every tick."""
_BATCH_RECORDS = 1_000
_DRAIN_RECORDS = 100_000


class Ran(NamedTuple):
    """What all stages have run over: the platform as it is then, and what was read."""

    platform: Platform
    feeder: TraceFeeder | LogFeeder | ReplacedFeeder
    alarms: AlarmBook
    read: dict[str, Any]
    partitions: int


def run_traces(
    path: Path, policy: Path | None, partitions: int | None, tick_s: float | None, out: Path | None, advance: Advance
) -> dict[str, Any]:
    """Run a file of bare traces through all stages. Raises `DocumentInvalid` for documents that cannot be used."""
    return _conclude(feed_traces(path, policy, partitions, tick_s, advance, retained=_retained(out)), out)


def feed_traces(
    path: Path,
    policy: Path | None,
    partitions: int | None,
    tick_s: float | None,
    advance: Advance,
    watch: Watch | None = None,
    retained: Collection[str] | None = REPORTED,
) -> Ran:
    """Run a file of bare traces through all stages; `watch` looks after every tick."""
    documents = Documents(policy, first_time(path))
    ran = feed_rows(read_traces(path, advance), documents, partitions, tick_s, watch, retained)
    return ran._replace(read={"file": str(path), **ran.read})


def feed_rows(
    rows: Iterable[TraceRow],
    documents: Documents,
    partitions: int | None = None,
    tick_s: float | None = None,
    watch: Watch | None = None,
    retained: Collection[str] | None = REPORTED,
) -> Ran:
    """Run bare traces through all stages under documents."""
    count = partitions or documents.policy.partitions
    platform = build_platform(count, documents.gateways(), retained=retained)
    book = _watch(platform, watch)
    feeder = TraceFeeder(platform, documents, tick_s or documents.policy.times.tick_s)
    feeder.feed(rows)
    assumptions = [OWN_KEYS, *([ASSUMPTION] if documents.rollouts else [])]
    read = {"traces": feeder.fed, "not_traces": feeder.refused, "assumptions": assumptions}
    return Ran(platform, feeder, book, read, count)


def first_time(path: Path) -> int:
    """The time of the first trace in a file. Raises `DocumentInvalid` for a file without any."""
    for row in read_traces(path):
        if row.trace is not None:
            return row.trace.work_time_ms
    raise DocumentInvalid(f"{path} holds no trace: JSON lines or Parquet with the fields of a WorkTrace")


def run_log(
    source: LogSource, trust: TrustStore, masters: Mapping[str, bytes], out: Path | None, policy: Path | None = None
) -> dict[str, Any]:
    """Run a log of `traces.v1` through all stages, with its own control records, or under another policy."""
    if policy is None:
        return _conclude(feed_log(source, trust, masters, retained=_retained(out)), out)
    return _conclude(feed_log_under(source, trust, masters, Documents(policy, 1), retained=_retained(out)), out)


def feed_log(
    source: LogSource,
    trust: TrustStore,
    masters: Mapping[str, bytes],
    watch: Watch | None = None,
    retained: Collection[str] | None = REPORTED,
) -> Ran:
    """Run a log of `traces.v1` through all stages; `watch` looks after every tick."""
    head = source.head
    inputs = [topic for topic in STAGE_INPUTS.values() if topic != TRACES]
    platform = build_platform(head.partitions, (), trust, masters, inputs, retained)
    book = _watch(platform, watch)
    feeder = LogFeeder(platform)
    feeder.feed(source.partitions())
    assumptions = [AS_RECORDED, NO_TARGETS, *source.notes]
    read = {"file": source.name, "records": feeder.fed, "assumptions": assumptions}
    return Ran(platform, feeder, book, read, head.partitions)


def feed_log_under(
    source: LogSource,
    trust: TrustStore,
    masters: Mapping[str, bytes],
    documents: Documents,
    retained: Collection[str] | None = REPORTED,
) -> Ran:
    """Run a log of `traces.v1` through all stages with the policy of `documents` instead of its own."""
    head = source.head
    platform = build_platform(head.partitions, (), trust, masters, None, retained, passing=(TRACES,))
    book = _watch(platform, None)
    feeder = ReplacedFeeder(platform, documents)
    feeder.feed(source.partitions())
    assumptions = [OTHER_POLICY, NO_TARGETS, *source.notes]
    read = {"file": source.name, "records": feeder.fed, "assumptions": assumptions}
    return Ran(platform, feeder, book, read, head.partitions)


def run_stage(source: LogSource, trust: TrustStore, masters: Mapping[str, bytes], out: Path | None) -> dict[str, Any]:
    """Run one stage over the log of its own input, partition by partition; outputs are shown before signing."""
    head = source.head
    stage = stage_of(head)
    factory = stage_factories(trust, dict(masters))[stage]
    outputs: list[Output] = []
    rows = []
    for partition, parts in source.partitions():
        batches = Batches(parts)
        replayed = replay_batches(factory(partition, head.partitions), batches, _DRAIN_RECORDS)
        outputs += replayed.outputs
        state_bytes = sum(len(key) + len(value) for key, value in replayed.state.items())
        rows.append({"partition": partition, "records": batches.records, "next_offset": replayed.next_offset})
        rows[-1] |= {"state_records": len(replayed.state), "state_bytes": state_bytes}
    logs = LogStore(head.partitions)
    for output in outputs:
        logs.send(output)
    if out is not None:
        write_logs(logs, out)
    found = {"stage": stage, "partitions": rows, "topics": logs.counts(), "assumptions": list(source.notes)}
    return {"file": source.name, **found}


class Batches:
    """The records of parts, cut for a stage's `apply`, and counted as they are read."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = parts
        self.records = 0

    def __iter__(self) -> Iterator[RecordBlock]:
        for block, _ in self._parts:
            for first in range(0, len(block), _BATCH_RECORDS):
                yield block[first : first + _BATCH_RECORDS]
            self.records += len(block)


def stage_of(head: DumpHead) -> str:
    """The stage whose input a dump is. Raises `DocumentInvalid` for a topic that no stage reads."""
    for stage, topic in STAGE_INPUTS.items():
        if topic == head.topic:
            return stage
    raise DocumentInvalid(f"{head.topic} is no stage's input: dump one of {', '.join(STAGE_INPUTS.values())}")


def write_logs(logs: LogStore, folder: Path) -> None:
    """Write every topic that has records, and kept them, into `folder`, as dumps in JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for topic in filter(logs.retains, logs.counts()):
        count = logs.partitions(topic)
        rows = (DumpRow(part, record) for part in range(count) for record in logs.log(topic, part).read(0))
        write_dump(folder / f"{topic}.jsonl", DumpHead(topic, count), rows)


def _retained(out: Path | None) -> tuple[str, ...] | None:
    return REPORTED if out is None else tuple(topic for topic in TOPICS if topic not in {TRACES, SUMMARIES})


def _watch(platform: Platform, watch: Watch | None) -> AlarmBook:
    book = AlarmBook()
    for look in (book.look, watch):
        if look is not None:
            platform.topology.watch(look)
    return book


def _conclude(ran: Ran, out: Path | None) -> dict[str, Any]:
    topology, feeder = ran.platform.topology, ran.feeder
    if out is not None:
        write_logs(topology.logs, out)
    span = {"from_ms": feeder.from_ms, "to_ms": feeder.to_ms, "partitions": ran.partitions}
    return {**ran.read, **span, **collect_findings(topology, ran.alarms.count)}
