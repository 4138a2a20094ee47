"""What `evidence.v1` says of one rollout, record by record."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog

from homeostat.detectors.guard.evidence_book import EvidenceBook
from homeostat.schemas.base import Message
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.evidence import Echo, Evidence, SignalEvidence
from homeostat.schemas.headers import CE_TYPE, find_header
from homeostat.schemas.log import LogRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.safety_regression import SafetyRegression, SafetyRegressionDocument
from homeostat.streams.rollouts.signal_book import SignalBook

log = structlog.get_logger("homeostat.rollouts")
M = TypeVar("M", bound=Message)


class Gathered:
    """A rollout's evidence, who has echoed it, its signals, the log's newest time in ms, and safety regressions."""

    def __init__(self, rollout: str, look: Callable[[EvidenceBook, int], None] = lambda *_: None) -> None:
        """`look` sees the evidence as it stands before each record of it, and that record's time in ms."""
        self._look = look
        self._key = rollout.encode()
        self._versions: dict[str, int] = {}
        self.evidence, self.signals = EvidenceBook(), SignalBook()
        self.echoed: set[int] = set()
        self.newest_ms = 0
        self.regressions: dict[str, SafetyRegression] = {}

    def take(self, record: LogRecord, is_judged: bool) -> None:
        """Take a record; evidence that came after the last decision (not `is_judged`) is left out, signals are not."""
        self.newest_ms = max(self.newest_ms, record.timestamp)
        kind = find_header(record.headers, CE_TYPE)
        if record.key != self._key:
            return
        if kind == SignalEvidence.ce_type.encode():
            for said in _read(SignalEvidence, record):
                self.signals.take(said)
        elif is_judged and kind == Evidence.ce_type.encode():
            for evidence in _read(Evidence, record):
                self._look(self.evidence, record.timestamp)
                self.evidence.take(evidence)
        elif is_judged and kind == Echo.ce_type.encode():
            self.echoed |= {echo.source_partition for echo in _read(Echo, record)}

    def take_regression(self, document: SafetyRegressionDocument) -> None:
        """Keep the newest that control says of an event."""
        if document.subject_version > self._versions.get(document.subject, 0):
            self._versions[document.subject] = document.subject_version
            self.regressions[document.subject] = document.body


def _read(model: type[M], record: LogRecord) -> Iterator[M]:
    try:
        yield parse_message(model, record.value)[0]
    except PoisonRecord as error:
        log.warning("not read", offset=record.offset, why=str(error))
