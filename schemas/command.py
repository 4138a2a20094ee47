"""Commands: what a target should serve, as one signed desired state; and the gateway's acknowledgement."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Count, Digest, EpochMs, Message, OpaqueId, Part, Sentence, Slug
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Flag, Mode, Target


class Exposure(Part):
    """A candidate that some specialties of a target may be given while its lease lives."""

    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]
    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]
    candidate: Digest
    manifest: ReleaseManifest
    share: Annotated[float, Field(gt=0, lt=1)]
    lease: OpaqueId
    mode: Mode = Mode.LIVE
    flag: Flag | None = None


class Variant(Part):
    """Specialties of a target that are served another release than its baseline. It does not expire."""

    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]
    release: Digest
    manifest: ReleaseManifest


class Barred(Part):
    """A release that some specialties of a target must not be served; others may."""

    release: Digest
    specialties: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=64)]


class DesiredState(Message):
    """Everything one target should serve. Generations rise by one; baseline and promoted parts do not expire.

    A specialty gets its exposure while that lives, else its variant, else the baseline. `configuration` is the digest
    of the effective configuration (`TargetConfiguration`) that it was stated under.
    """

    ce_type: ClassVar[str] = "homeostat.desired_state"
    target: Target
    generation: Annotated[int, Field(ge=1)]
    baseline: Digest
    manifest: ReleaseManifest
    exposures: Annotated[tuple[Exposure, ...], Field(max_length=64)] = ()
    variants: Annotated[tuple[Variant, ...], Field(max_length=64)] = ()
    barred: Annotated[tuple[Barred, ...], Field(max_length=1000)] = ()
    disabled_tools: Annotated[tuple[Slug, ...], Field(max_length=256)] = ()
    quarantine: Annotated[tuple[Digest, ...], Field(max_length=1000)] = ()
    quarantine_version: Count = 0
    intent: OpaqueId
    decision: OpaqueId | None = None
    configuration: Digest | None = None
    reason: Sentence
    at_ms: EpochMs


class AckOutcome(StrEnum):
    """What a gateway did with a desired state."""

    APPLIED = "applied"
    REFUSED = "refused"


class Acknowledgement(Message):
    """A gateway's answer to a desired state, signed by the gateway. `state_digest` is of the payload it was sent."""

    ce_type: ClassVar[str] = "homeostat.acknowledgement"
    gateway: Slug
    target: Target
    generation: Count
    state_digest: Digest
    outcome: AckOutcome
    reason: Refusal | None = None
    at_ms: EpochMs
