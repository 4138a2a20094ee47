"""Audit entries: what was decided, approved, commanded and acknowledged, and the signed heads of their append-only log.

Entries of one partition of `audit.v1`, in the order of their offsets, are the leaves of one RFC 6962 Merkle tree; a
leaf is the entry's value bytes as they lie there.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, KeyId, Message, Offset, Part, Partition
from homeostat.schemas.reasons import Refusal

Subject = Annotated[str, Field(pattern=r"^[A-Za-z0-9:._/#-]{1,200}$")]
TopicName = Annotated[str, Field(max_length=249)]


class AuditKind(StrEnum):
    """What kind of thing an entry is about."""

    DOCUMENT = "document"
    DECISION = "decision"
    INTENT = "intent"
    COMMAND = "command"
    ACKNOWLEDGEMENT = "acknowledgement"
    APPROVAL = "approval"
    REFUSAL = "refusal"
    EFFECT = "effect"
    ESCALATION = "escalation"


class AuditEntry(Message):
    """One entry; `digest` is of the audited record's value bytes, which stay where they are.

    `signed_by` are keys whose signature was checked, `refused` is why there is none; what is never signed has neither.
    `about` names what else the record is about: its rollout, decision, intent, releases.
    """

    ce_type: ClassVar[str] = "homeostat.audit.entry"
    kind: AuditKind
    subject: Subject
    topic: TopicName
    partition: Partition
    offset: Offset
    digest: Digest
    signed_by: tuple[KeyId, ...]
    at_ms: EpochMs
    about: Annotated[tuple[Subject, ...], Field(max_length=16)] = ()
    refused: Refusal | None = None


class TreeHead(Part):
    """The Merkle root of the first `size` entries of a partition of `audit.v1` (RFC 6962, section 2.1)."""

    partition: Partition
    size: Count
    root: Digest


class AuditedUpTo(Part):
    """Every record of an audited partition below `next_offset` that belongs into the audit has its entry."""

    topic: TopicName
    partition: Partition
    next_offset: Offset


class LostRange(Part):
    """Offsets that the broker dropped before they were audited: from `first` up to but without `next_offset`."""

    topic: TopicName
    partition: Partition
    first: Offset
    next_offset: Offset


class AuditCheckpoint(Message):
    """The signed head of the whole audit, written in one transaction with the entries that it adds.

    `number` counts from 1 without a hole; `previous` is the digest of the checkpoint before it (its payload). `root` is
    the Merkle root over `trees`, by partition. `audited` and `lost` say what moved on, and what was lost, since then.
    """

    ce_type: ClassVar[str] = "homeostat.audit.checkpoint"
    number: Annotated[int, Field(ge=1)]
    previous: Digest | None
    root: Digest
    trees: Annotated[tuple[TreeHead, ...], Field(min_length=1, max_length=4096)]
    audited: Annotated[tuple[AuditedUpTo, ...], Field(max_length=65_536)]
    lost: Annotated[tuple[LostRange, ...], Field(max_length=65_536)] = ()
    at_ms: EpochMs
