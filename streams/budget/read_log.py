"""A log through the core, as a backtest runs it, for what its stages then watch."""

from collections.abc import Mapping
from pathlib import Path

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.topics import STAGE_INPUTS, TRACES
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.backtest.dump_file import read_head
from homeostat.streams.backtest.feed_log import LogFeeder
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.log_source import ArchiveSource, DumpSource, LogSource
from homeostat.streams.backtest.platform import Documents, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.budget.inventory import Inventory
from homeostat.streams.budget.read_world import read_inventory
from homeostat.streams.errors import SettingsInvalid

_HEARD_IN_A_TIMEOUT = 3
"""Ticks are as rare as they can be: no source may seem to be missing, no trace to be ahead of its time."""


def read_policy(path: Path | None) -> Policy:
    """The policy in a folder or file of documents, or that of a new installation. Raises `DocumentInvalid`."""
    return Documents(path, 0).policy


def open_log(name: str) -> LogSource | None:
    """The log of traces.v1 in a dump or an archive; None for a file of bare traces. Raises `SettingsInvalid`."""
    path = Path(name)
    if "://" in name or path.is_dir():
        return ArchiveSource(name, ArchiveReader(ArchiveStore(name), TRACES))
    if not path.is_file():
        raise SettingsInvalid(f"{name} does not exist: give a file of traces, a dump, or an archive's folder or URI")
    head = read_head(path)
    if head is not None and head.topic != TRACES:
        raise DocumentInvalid(f"{name} is a dump of {head.topic}: monitors are counted from one of {TRACES}")
    return None if head is None else DumpSource(path, head)


def read_traces_file(path: Path, policy: Path | None) -> Inventory:
    """Run a file of bare traces. Raises `DocumentInvalid` for no traces, or documents that cannot be used."""
    first_ms = next((row.trace.work_time_ms for row in read_traces(path) if row.trace is not None), None)
    if first_ms is None:
        raise DocumentInvalid(f"{path} holds no trace: JSON lines or Parquet with the fields of a WorkTrace")
    documents = Documents(policy, first_ms)
    platform = build_platform(documents.policy.partitions, documents.gateways())
    times = documents.policy.times
    rarest_s = min(times.bucket_s, times.data_step_s, times.max_ahead_s, times.source_timeout_s / _HEARD_IN_A_TIMEOUT)
    feeder = TraceFeeder(platform, documents, max(times.tick_s, rarest_s))
    feeder.feed(read_traces(path))
    found = read_inventory(platform.topology, feeder.from_ms, feeder.to_ms)
    assert found is not None, "a platform of its own has its policy"
    return found


def read_log(source: LogSource, trust: TrustStore, masters: Mapping[str, bytes]) -> Inventory:
    """Run a log of traces.v1 with its own control records. Raises `DocumentInvalid` where it has no policy."""
    inputs = [topic for topic in STAGE_INPUTS.values() if topic != TRACES]
    platform = build_platform(source.head.partitions, (), trust, masters, inputs)
    feeder = LogFeeder(platform)
    feeder.feed(source.partitions())
    found = read_inventory(platform.topology, feeder.from_ms, feeder.to_ms)
    if found is None:
        raise DocumentInvalid(f"{source.name} holds no complete snapshot of control: no policy, no monitor")
    found.assumptions += source.notes
    return found
