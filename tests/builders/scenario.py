"""A log in the making: records with offsets and times, control records signed as control would sign them."""

from collections.abc import Iterable

from homeostat.detectors.control_log import digest_snapshot
from homeostat.detectors.control_types import CONTROL_KINDS
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.control import CONTROL_HEADER, ApprovalDocument, ControlType, SnapshotBegin, SnapshotEnd, Tick
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import TRACES
from tests.builders.documents import DOCUMENT_KINDS, START_MS, standard_documents
from tests.builders.keys import sign
from tests.builders.traces import Draft


class Scenario:
    """One partition of one stage's input, written record by record; `now_ms` is the time of the next record."""

    def __init__(self, topic: str = TRACES, partition: int = 0, start_ms: int = START_MS) -> None:
        self.topic, self.partition, self.now_ms = topic, partition, start_ms
        self.log: list[LogRecord] = []
        self._snapshots = 0

    def add(self, draft: Draft) -> LogRecord:
        """Append a record at `now_ms`."""
        record = LogRecord(len(self.log), self.now_ms, draft.key, draft.value, draft.headers)
        self.log.append(record)
        return record

    def wait(self, seconds: float) -> None:
        """Let time pass without a record."""
        self.now_ms += round(seconds * 1000)

    def tick(self, seconds: float = 0.0) -> LogRecord:
        """Let time pass, then append a tick."""
        self.wait(seconds)
        return self.control(Tick(topic=self.topic, partition=self.partition, at_ms=self.now_ms))

    def control(self, message: Message) -> LogRecord:
        """Append a control record or a document, signed by a role that may sign it."""
        return self.add(control(message))

    def begin(self, policy: Policy | None = None, extra: Iterable[Message] = ()) -> None:
        """Append a complete snapshot: policy, releases, master key, and what else is given."""
        self.snapshot([*standard_documents(policy), *extra])

    def snapshot(self, messages: Iterable[Message]) -> None:
        """Append a snapshot of these documents."""
        drafts = [control(message) for message in messages]
        self._snapshots += 1
        fields = {
            "topic": self.topic,
            "partition": self.partition,
            "at_ms": self.now_ms,
            "snapshot": self._snapshots,
            "documents": len(drafts),
        }
        self.control(SnapshotBegin.model_validate(fields))
        for draft in drafts:
            self.add(draft)
        digest = digest_snapshot(digest_bytes(draft.value or b"") for draft in drafts)
        self.control(SnapshotEnd.model_validate({**fields, "digest": digest}))


_ADDRESSED = {Tick: ControlType.TICK, SnapshotBegin: ControlType.SNAPSHOT_BEGIN, SnapshotEnd: ControlType.SNAPSHOT_END}


def control(message: Message, role: SignerRole | None = None) -> Draft:
    """A control record as the relay writes it; `role` signs in place of the first role that may."""
    kinds = {**DOCUMENT_KINDS, **_ADDRESSED}
    kind = kinds.get(type(message)) or next(k for k, entry in CONTROL_KINDS.items() if entry.model is type(message))
    chosen = role or min(CONTROL_KINDS[kind].roles - {SignerRole.CONTROL}, default=SignerRole.CONTROL)
    name = message.body.approver if isinstance(message, ApprovalDocument) else None
    value = sign(chosen, to_json(message), message.ce_type, name)
    headers = [
        *event_headers(message.ce_type, f"{kind}-{digest_bytes(value)[7:23]}", "/homeostat/control", DSSE_CONTENT),
        (CONTROL_HEADER, kind.value.encode()),
    ]
    return Draft(b"control", value, headers)
