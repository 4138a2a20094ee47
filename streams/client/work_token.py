"""Work tokens: what a runtime keeps of a piece of work, so that feedback on it counts for the release that did it."""

import base64
from typing import Annotated, Self

from pydantic import Field, ValidationError

from homeostat.schemas.base import Digest, EpochMs, OpaqueId, Part, Slug
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import Arm, Consent, WorkTrace


class WorkToken(Part):
    """The tags of a piece of work and the MAC over those that decide what feedback on it counts for.

    It holds no secret and nobody's name. `str(token)` may be stored beside the work; `WorkToken.parse` reads it back.
    """

    tenant: Slug
    specialty: Slug
    workflow: Slug
    runtime: Slug
    release: Digest
    arm: Arm
    rollout: OpaqueId | None
    session: OpaqueId
    actor: OpaqueId
    consent: Consent
    work_id: OpaqueId
    work_time_ms: EpochMs
    mac: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}:[0-9a-f]{32}$", max_length=98)]

    @classmethod
    def of(cls, trace: WorkTrace, mac: str) -> Self:
        """The token of a trace under its tenant's MAC."""
        tags = {name: getattr(trace, name) for name in cls.model_fields if name != "mac"}
        return cls(**tags, mac=mac)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `str(token)`. Raises `PoisonRecord` (TOKEN_BAD)."""
        try:
            return cls.model_validate_json(base64.urlsafe_b64decode(text.encode()))
        except (ValidationError, ValueError):
            raise PoisonRecord(Refusal.TOKEN_BAD, "not a work token") from None

    def tags(self) -> dict[str, object]:
        """What a feedback trace repeats of the work."""
        return {name: value for name, value in self if name != "mac"}

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()
