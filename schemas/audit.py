"""Audit entries: what was decided, approved, commanded and acknowledged, for the append-only log."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Digest, EpochMs, KeyId, Message, Offset, Partition


class AuditKind(StrEnum):
    """What kind of thing an entry is about."""

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
    subject: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._/#-]{1,200}$")]
    topic: Annotated[str, Field(max_length=249)]
    partition: Partition
    offset: Offset
    digest: Digest
    signed_by: tuple[KeyId, ...]
    at_ms: EpochMs
