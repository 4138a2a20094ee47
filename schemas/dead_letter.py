"""Dead letters: a refused record's coordinates, digest, reason and shape; its bytes only sealed."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, Offset, Part, Partition, Slug
from homeostat.schemas.reasons import Refusal


class SealedBytes(Part):
    """AES-256-GCM of the original record; the data key comes from X25519 with `ephemeral_key` and HKDF. Hex."""

    key_id: Slug
    ephemeral_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    ciphertext: str


class DeadLetter(Message):
    """One refused record. `shape` names JSON fields and types seen, never values."""

    ce_type: ClassVar[str] = "homeostat.dead_letter"
    topic: Annotated[str, Field(max_length=249)]
    partition: Partition
    offset: Offset
    timestamp_ms: EpochMs
    stage: Slug
    reason: Refusal
    tenant: Slug | None = None
    size_bytes: Count
    value_digest: Digest
    shape: Annotated[str, Field(max_length=2000)] = ""
    sealed: SealedBytes | None = None
