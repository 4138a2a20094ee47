"""One append to the audit: entries and the checkpoint that covers them, to be written in one transaction."""

from collections.abc import Mapping, Sequence

from homeostat.schemas.audit import AuditCheckpoint, AuditedUpTo, AuditEntry, LostRange
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import Output
from homeostat.schemas.partition import partition_of
from homeostat.schemas.topics import AUDIT
from homeostat.streams.audit.entries import Place
from homeostat.streams.audit.trees import Trees, join_heads
from homeostat.streams.audit.verify import SignedHead
from homeostat.streams.signing import Signer

_SOURCE = "/homeostat/audit"
_CHECKPOINTS = b"checkpoint"


class Appender:
    """The end of an audit: it turns entries into records, each call after the one before and after `last`."""

    def __init__(self, trees: Trees, last: SignedHead | None, signer: Signer) -> None:
        self._trees, self.last, self._signer = trees, last, signer

    def append(
        self, entries: Sequence[AuditEntry], audited: Mapping[tuple[str, int], int], lost: Sequence[LostRange] = ()
    ) -> list[Output]:
        """The records of these entries and of their checkpoint; the trees have grown by them.

        `audited` are the places that moved on since the last call, with their next offsets.
        """
        outputs = [self._write_entry(entry) for entry in entries]
        before = None if self.last is None else self.last.checkpoint
        at_ms = max([entry.at_ms for entry in entries], default=0 if before is None else before.at_ms)
        trees = self._trees.heads()
        checkpoint = AuditCheckpoint(
            number=1 if before is None else before.number + 1,
            previous=None if self.last is None else self.last.digest,
            root=join_heads(trees),
            trees=trees,
            audited=tuple(
                AuditedUpTo(topic=topic, partition=partition, next_offset=offset)
                for (topic, partition), offset in sorted(audited.items())
            ),
            lost=tuple(lost),
            at_ms=at_ms,
        )
        payload = to_json(checkpoint)
        self.last = SignedHead(checkpoint, digest_bytes(payload))
        value = self._signer.sign(payload, checkpoint.ce_type)
        headers = event_headers(checkpoint.ce_type, f"checkpoint-{checkpoint.number}", _SOURCE, DSSE_CONTENT)
        partition = partition_of(_CHECKPOINTS, len(self._trees))
        return [*outputs, Output(AUDIT, _CHECKPOINTS, value, at_ms, headers, partition)]

    def _write_entry(self, entry: AuditEntry) -> Output:
        key, value = entry.subject.encode(), to_json(entry)
        partition = partition_of(key, len(self._trees))
        self._trees.append(partition, value)
        event_id = str(Place(entry.topic, entry.partition, entry.offset)).replace("/", "-")
        return Output(AUDIT, key, value, entry.at_ms, event_headers(entry.ce_type, event_id, _SOURCE), partition)
