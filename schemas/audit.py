"""Audit entries: what was decided, approved, commanded and acknowledged, for the append-only log."""

from enum import StrEnum
from typing import ClassVar

from homeostat.schemas.base import Digest, EpochMs, KeyId, Message, Offset, Partition, Slug


class AuditKind(StrEnum):
    DOCUMENT = "document"
    DECISION = "decision"
    INTENT = "intent"
    COMMAND = "command"
    ACKNOWLEDGEMENT = "acknowledgement"
    APPROVAL = "approval"
    REFUSAL = "refusal"


class AuditEntry(Message):
    """One entry; `digest` is of the audited record's value bytes, which stay where they are."""

    ce_type: ClassVar[str] = "homeostat.audit.entry"
    kind: AuditKind
    subject: Slug
    topic: str
    partition: Partition
    offset: Offset
    digest: Digest
    signed_by: tuple[KeyId, ...]
    at_ms: EpochMs
