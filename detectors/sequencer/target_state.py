"""What the sequencer knows of one target: what it was told to serve, what is banned there, which wishes came."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field, ValidationError

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.base import Count, Digest, EpochMs, Offset, OpaqueId, Part, Sentence, Slug
from homeostat.schemas.command import Barred, Exposure, Variant
from homeostat.schemas.errors import StateCorrupt
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Flag, Target
from homeostat.schemas.trace import OutputProperty

STATE_VERSION = 1
PREFIX = b"target/"
MAX_SEEN = 256
MAX_ROLLOUTS = 1_000
MAX_QUARANTINE = 1_000
MAX_TOOLS = 256
MAX_SERVED = 16


class Serving(Part):
    """The part of a desired state that says what sessions get."""

    baseline: Digest
    manifest: ReleaseManifest
    exposures: tuple[Exposure, ...] = ()
    variants: tuple[Variant, ...] = ()

    def release_of(self, specialty: str) -> str:
        """The release that a specialty is given while nothing is exposed to it."""
        return next((each.release for each in self.variants if specialty in each.specialties), self.baseline)

    @property
    def manifests(self) -> list[ReleaseManifest]:
        """Of everything that somebody may be given."""
        held: tuple[Exposure | Variant, ...] = (*self.exposures, *self.variants)
        return [self.manifest, *(each.manifest for each in held)]


class Quarantined(Part):
    """A release that must not be served here (to some specialties; empty: to all), and the tools that it brought."""

    release: Digest
    tools: tuple[Slug, ...] = ()
    specialties: tuple[Slug, ...] = ()


class RolloutMark(Part):
    """The highest step of a rollout that the guard has asked for here."""

    rollout: OpaqueId
    step: Annotated[int, Field(ge=1)]


class Configured(Part):
    """What the target's overrides say: the digest of it all, tools to switch off, work that no candidate is given."""

    configuration: Digest
    withheld_tools: tuple[Slug, ...] = ()
    never_on: tuple[OutputProperty, ...] = ()


class Waiting(Part):
    """An intent that lacks a document or the first snapshot; `original` is the record as it came, packed, in hex."""

    intent: OpaqueId
    offset: Offset
    timestamp_ms: EpochMs
    original: str
    since_ms: EpochMs


class FormerBaseline(Part):
    """A release that was the target's baseline before."""

    release: Digest
    manifest: ReleaseManifest


class Cause(Part):
    """What a desired state says it is for: an intent or a stop, the decision behind it, a sentence; and its time."""

    intent: OpaqueId
    decision: OpaqueId | None
    reason: Sentence
    at_ms: EpochMs


class TargetState(Part):
    """One target. `generation` is that of the last desired state, `state_digest` of its payload.

    `stated_ms` is the latest time that an operator or triage has put on a wish. `applied` is the highest generation
    that the gateway has acknowledged as applied, `refused` why it refused the present one. `served` are former
    baselines, the newest last, `stuck` says that it could not go back to one. `cause` is what the present generation
    was stated for, `told_ms` when it was stated last, `restated` how often beside the first, `escalated` whether its
    silence was said.
    """

    target: Target
    generation: Count = 0
    state_digest: Digest | None = None
    serving: Serving | None = None
    previous: Serving | None = None
    quarantine: tuple[Quarantined, ...] = ()
    quarantine_version: Count = 0
    seen: tuple[OpaqueId, ...] = ()
    marks: tuple[RolloutMark, ...] = ()
    stated_ms: dict[SignerRole, EpochMs] = {}
    waiting: tuple[Waiting, ...] = ()
    applied: Count = 0
    refused: Refusal | None = None
    configured: Configured | None = None
    served: tuple[FormerBaseline, ...] = ()
    stuck: bool = False
    cause: Cause | None = None
    told_ms: EpochMs = 0
    restated: Count = 0
    escalated: bool = False

    @property
    def silent(self) -> bool:
        """Whether the gateway has not applied what the target was last told."""
        return self.applied < self.generation

    def is_quarantined(self, release: str, specialties: Collection[str] = ()) -> bool:
        """Whether the release must not be served here, or not to some of these specialties."""
        return any(
            entry.release == release and (not entry.specialties or set(entry.specialties) & set(specialties))
            for entry in self.quarantine
        )

    @property
    def banned(self) -> tuple[str, ...]:
        """Releases that must not be served here at all, sorted."""
        return tuple(sorted({entry.release for entry in self.quarantine if not entry.specialties}))

    @property
    def barred(self) -> tuple[Barred, ...]:
        """Releases that some specialties must not be served, sorted."""
        partly = sorted((entry.release, entry.specialties) for entry in self.quarantine if entry.specialties)
        return tuple(Barred(release=release, specialties=specialties) for release, specialties in partly)

    def step_of(self, rollout: str) -> int:
        """The highest step of a rollout that was asked for here; 0 for none."""
        return next((mark.step for mark in self.marks if mark.rollout == rollout), 0)

    @property
    def disabled_tools(self) -> tuple[str, ...]:
        """Tools that the overrides withhold, then those that only quarantined releases brought; both sorted.

        What anything served here uses stays, unless it is withheld.
        """
        withheld = () if self.configured is None else self.configured.withheld_tools
        used: set[str] = set() if self.serving is None else tools_of(*self.serving.manifests)
        brought = {tool for entry in self.quarantine for tool in entry.tools} - used - {*withheld}
        return (*withheld, *sorted(brought))[:MAX_TOOLS]

    @property
    def stated_exposures(self) -> tuple[Exposure, ...]:
        """The exposures as the gateway is told them: no candidate for what the overrides keep from every candidate."""
        if self.serving is None or self.configured is None or not self.configured.never_on:
            return () if self.serving is None else self.serving.exposures
        return tuple(_without(held, self.configured.never_on) for held in self.serving.exposures)

    def to_bytes(self) -> bytes:
        """Framed JSON: equal states give equal bytes."""
        return frame(self.model_dump_json().encode(), STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "TargetState":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        try:
            return cls.model_validate_json(unframe(data, STATE_VERSION))
        except ValidationError as error:
            raise StateCorrupt(f"target state does not fit its model: {error.error_count()} errors") from None


def _without(exposure: Exposure, properties: tuple[OutputProperty, ...]) -> Exposure:
    flag = exposure.flag or Flag()
    kept_from = tuple(sorted({*flag.except_properties, *properties}))
    return exposure.model_copy(update={"flag": flag.model_copy(update={"except_properties": kept_from})})


def state_key(target: str) -> bytes:
    """The key of a target's state record."""
    return PREFIX + target.encode()


def tools_of(*manifests: ReleaseManifest) -> set[str]:
    """Every tool that the artifacts of these releases declare."""
    return {tool for manifest in manifests for artifact in manifest.artifacts for tool in artifact.tools}
