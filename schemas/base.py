"""The base of every message and the closed types of its fields."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

MAJOR, MINOR = 1, 1
VERSION = f"{MAJOR}.{MINOR}"
MAX_EPOCH_MS = 4_102_444_800_000
"""The year 2100: a time beyond it is a unit error."""
DAY_MS = 86_400_000

Slug = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$", max_length=64)]
"""A tag from a small, declared vocabulary: tenant, specialty, workflow, runtime, signal."""
OpaqueId = Annotated[str, Field(pattern=r"^[0-9a-f](?:[0-9a-f-]{14,62})[0-9a-f]$", max_length=64)]
"""An id that says nothing: 16 to 64 lowercase hex digits and hyphens (a UUID, a hash)."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
KeyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$", max_length=64)]
EpochMs = Annotated[int, Field(ge=0, le=MAX_EPOCH_MS, strict=True)]
Offset = Annotated[int, Field(ge=0, strict=True)]
Partition = Annotated[int, Field(ge=0, lt=100_000, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]
Fixed = Annotated[int, Field(ge=-(2**63), lt=2**63, strict=True)]
"""A fixed-point number; its scale is in the field's name or docstring."""
Unit = Annotated[float, Field(ge=0, le=1)]
Sentence = Annotated[str, Field(max_length=2000)]
"""Text that Homeostat wrote from numbers; never taken from a trace."""


class Part(BaseModel):
    """A closed, frozen part of a message."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Message(Part):
    """A closed, frozen message; `version` is major.minor of its contract.

    Unknown fields are refused, unless the message declares a newer minor version (see `parse_message`).
    """

    ce_type: ClassVar[str]
    version: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{1,3}$")] = VERSION
