"""What a target serves at this moment, as its gateway says it: a desired state less what no lease permits."""

from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Digest, EpochMs, Message, OpaqueId, Part, Slug
from homeostat.schemas.rollout import Mode, Target


class ServedExposure(Part):
    """A candidate that is given to `share` of the sessions of some specialties, under a lease that lives."""

    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]
    release: Digest
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    share: Annotated[float, Field(gt=0, lt=1)]
    mode: Mode = Mode.LIVE


class ServedVariant(Part):
    """Specialties that are served another release than the baseline."""

    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]
    release: Digest


class Served(Message):
    """What one target serves since `at_ms`, signed by its gateway, which writes it when it changes.

    An exposure is listed while its lease lives: one that lapses leaves, without a new generation.
    """

    ce_type: ClassVar[str] = "homeostat.served"
    target: Target
    generation: Annotated[int, Field(ge=1)]
    baseline: Digest
    exposures: Annotated[tuple[ServedExposure, ...], Field(max_length=64)] = ()
    variants: Annotated[tuple[ServedVariant, ...], Field(max_length=64)] = ()
    at_ms: EpochMs
