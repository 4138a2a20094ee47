"""From a source of traces to the finished page."""

import platform as machine
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.topics import TRACES
from homeostat.streams.backtest.dump_file import Advance
from homeostat.streams.backtest.log_source import LogSource
from homeostat.streams.backtest.run import Ran, feed_log, feed_traces
from homeostat.streams.report.gather import gather
from homeostat.streams.report.model import Origin, Report
from homeostat.streams.report.observer import Observer
from homeostat.streams.report.series import MOST_CELLS


def report_traces(
    path: Path,
    policy: Path | None,
    partitions: int | None,
    tick_s: float | None,
    command: str,
    advance: Advance,
    most_cells: int = MOST_CELLS,
) -> Report:
    """Run a file of bare traces and report on it. Raises `DocumentInvalid` as the backtest does."""
    observer = Observer(most_cells)
    ran = feed_traces(path, policy, partitions, tick_s, advance, watch=observer.look)
    return _conclude(ran, observer, command, _digest(path))


def report_log(source: LogSource, trust: TrustStore, masters: Mapping[str, bytes], command: str) -> Report:
    """Run a log of `traces.v1` and report on it. Raises `DocumentInvalid` for a log of another topic."""
    if source.head.topic != TRACES:
        raise DocumentInvalid(f"{source.name} is a log of {source.head.topic}: a report is made of {TRACES}")
    observer = Observer()
    ran = feed_log(source, trust, masters, watch=observer.look)
    path = Path(source.name)
    return _conclude(ran, observer, command, _digest(path) if path.is_file() else "")


def _conclude(ran: Ran, observer: Observer, command: str, digest: str) -> Report:
    observer.look(ran.platform.topology)
    policy = observer.policy
    origin = Origin(
        source=Path(str(ran.read["file"])).name,
        command=command,
        version=version("homeostat"),
        python=machine.python_version(),
        policy_name="" if policy is None else policy.name,
        policy_digest="" if policy is None else digest_document(policy),
        records=ran.feeder.fed,
        source_digest=digest,
        assumptions=tuple(ran.read["assumptions"]),
    )
    return gather(ran, observer, origin)


def _digest(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return f"sha256:{found.hexdigest()}"
