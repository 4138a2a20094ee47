"""The traces of a file or a log in memory, in the order in which they came."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.cloudevent import read_event
from homeostat.schemas.control import CONTROL_HEADER, ControlType, ReleaseDocument, RolloutDocument
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.errors import DocumentInvalid, PoisonRecord, SignatureRefused
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Record
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import RELEASES, ROLLOUTS
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from homeostat.streams.backtest.log_source import LogSource
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.documents.read import ToPublish

Trace = WorkTrace | FeedbackTrace
MOST_TRACES: Final = 500_000
_TRACES: dict[str, type[WorkTrace | FeedbackTrace]] = {each.ce_type: each for each in (WorkTrace, FeedbackTrace)}
_DOCUMENTS: dict[bytes, tuple[str, type[ReleaseDocument | RolloutDocument]]] = {
    ControlType.RELEASE.value.encode(): (RELEASES, ReleaseDocument),
    ControlType.ROLLOUT.value.encode(): (ROLLOUTS, RolloutDocument),
}


class Arrival(NamedTuple):
    """A trace and when it came (ms since the epoch)."""

    at_ms: int
    trace: Trace


@dataclass(frozen=True)
class History:
    """What came, each trace once; `documents` are the releases and rollouts that a log holds."""

    arrivals: Sequence[Arrival]
    documents: Sequence[ToPublish] = ()

    @property
    def rollouts(self) -> list[str]:
        """The rollouts that traces name, in the order of their first trace."""
        return list(dict.fromkeys(each.trace.rollout for each in self.arrivals if each.trace.rollout is not None))


def read_file(path: Path) -> History:
    """Read a file of bare traces; a row that is no trace is passed over. Raises `DocumentInvalid` for too many."""
    kept = _Kept()
    at_ms = 0
    for row in read_traces(path):
        if row.trace is not None:
            at_ms = max(at_ms, row.trace.work_time_ms)
            kept.add(at_ms, row.trace)
    return History(kept.arrivals)


def read_log(source: LogSource) -> History:
    """Read a log; what cannot be read is passed over, signatures are not checked. Raises `DocumentInvalid`."""
    kept = _Kept()
    documents: dict[tuple[str, str], tuple[int, ToPublish]] = {}
    for _, parts in source.partitions():
        for block, controls in parts:
            _note_documents(block, controls.tolist(), documents)
            for record in block:
                trace = read_trace(record)
                if trace is not None:
                    kept.add(record.timestamp, trace)
    arrivals = sorted(kept.arrivals, key=lambda each: (each.at_ms, each.trace.trace_id))
    return History(arrivals, [document for _, document in documents.values()])


class _Kept:
    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self._seen: set[str] = set()

    def add(self, at_ms: int, trace: Trace) -> None:
        if trace.trace_id in self._seen:
            return
        if len(self.arrivals) == MOST_TRACES:
            raise DocumentInvalid(
                f"more than {MOST_TRACES} traces: compare policies over fewer days (--from-day, --to-day), or without "
                "replicates (--replicates 0)"
            )
        self._seen.add(trace.trace_id)
        self.arrivals.append(Arrival(at_ms, trace))


def read_trace(record: Record) -> Trace | None:
    """The trace of a record; None for a control record, and for what is no trace."""
    if find_header(record.headers, CONTROL_HEADER) is not None:
        return None
    try:
        event = read_event(record.headers, record.value)
        model = _TRACES.get(event.type)
        return None if model is None else parse_message(model, event.data)[0]
    except PoisonRecord:
        return None


def _note_documents(
    block: RecordBlock, controls: Iterable[int], documents: dict[tuple[str, str], tuple[int, ToPublish]]
) -> None:
    for at in controls:
        record = block[at]
        found = _DOCUMENTS.get(find_header(record.headers, CONTROL_HEADER) or b"")
        if found is None or record.value is None:
            continue
        topic, model = found
        try:
            message = parse_message(model, read_envelope(record.value)[1])[0]
        except (PoisonRecord, SignatureRefused):
            continue
        held = documents.get((topic, message.subject))
        if held is None or held[0] < message.subject_version:
            documents[topic, message.subject] = message.subject_version, ToPublish(topic, message.subject, message)
