"""Key documents: what the offline root says of one role key. Public halves only, each in a DSSE of the root."""

import hashlib
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import EpochMs, KeyId, Message, Slug
from homeostat.schemas.roles import NAMED, SignerRole

PublicKeyHex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def derive_key_id(role: SignerRole, public_key: bytes) -> str:
    """The id of a key: its role and 16 hex digits of its SHA-256, so that no two keys share an id.

    >>> derive_key_id(SignerRole.GUARD, bytes(32))
    'guard-66687aadf862bd77'
    """
    return f"{role.value}-{hashlib.sha256(public_key).hexdigest()[:16]}"


class KeyDocument(Message):
    """One Ed25519 role key. A gateway's or reviewer's carries the name that it may speak for."""

    ce_type: ClassVar[str] = "homeostat.document.key"
    key_id: KeyId
    role: SignerRole
    name: Slug | None = None
    public_key: PublicKeyHex
    valid_from_ms: EpochMs

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.role is SignerRole.ROOT:
            raise ValueError("the root vouches for role keys, not for itself: it is trusted by its bytes")
        if self.role in NAMED and self.name is None:
            raise ValueError(f"a {self.role} key needs the name of its {self.role}")
        expected = derive_key_id(self.role, bytes.fromhex(self.public_key))
        if self.key_id != expected:
            raise ValueError(f"key id {self.key_id} does not belong to this key, which is {expected}")
        return self
