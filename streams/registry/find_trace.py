"""Finds one trace in an archive, and what its partition's log had said by then."""

from typing import NamedTuple

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.control import CONTROL_HEADER, ControlType
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Record
from homeostat.schemas.topics import TRACES
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.compare.history import Trace, read_trace

_TELLING = frozenset(
    kind.value.encode()
    for kind in (
        ControlType.POLICY,
        ControlType.RELEASE,
        ControlType.ROLLOUT,
        ControlType.ROLLOUT_STEP,
        ControlType.OVERRIDE,
    )
)


class FoundTrace(NamedTuple):
    """A trace, where it lies, and the documents that its partition had before it, their signatures checked."""

    trace: Trace
    partition: int
    offset: int
    documents: ControlLog


def find_trace(reader: ArchiveReader, trace_id: str, trust: TrustStore) -> FoundTrace:
    """Look through the archive for a trace by its id; the first record of it counts, as it does for a leaf.

    What the trace says of itself is not authenticated here: a backtest does that, with the MAC masters. Raises
    `DocumentInvalid` where there is none.
    """
    for partition in reader.partitions:
        for block, _ in reader.read(partition):
            if trace_id.encode() not in block.raw:
                continue
            for record in block:
                trace = _read_wanted(record, trace_id)
                if trace is not None:
                    documents = _read_documents(reader, partition, record.offset, trust)
                    return FoundTrace(trace, partition, record.offset, documents)
    raise DocumentInvalid(f"no trace {trace_id} in the archive of {reader.topic}: name the days, or another archive")


def _read_wanted(record: Record, trace_id: str) -> Trace | None:
    if record.value is None or trace_id.encode() not in record.value:
        return None
    trace = read_trace(record)
    return trace if trace is not None and trace.trace_id == trace_id else None


def _read_documents(reader: ArchiveReader, partition: int, before: int, trust: TrustStore) -> ControlLog:
    """What control had copied into the partition before an offset; what is forged is passed over, as by a leaf."""
    found = ControlLog(TRACES, partition, trust)
    for block, controls in reader.read(partition):
        for place in controls.tolist():
            record = block[place]
            if record.offset >= before:
                return found
            if find_header(record.headers, CONTROL_HEADER) in _TELLING:
                try:
                    found.fold(record)
                except (SignatureRefused, PoisonRecord):
                    continue
    return found
