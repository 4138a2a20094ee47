"""Artifacts and release manifests: everything that can change an output, in one digest."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from homeostat.schemas.base import Digest, Message, Part, Sentence, Slug


class ArtifactKind(StrEnum):
    """The parts that a composite release may be made of."""

    MODEL = "model"
    PROMPT_PACK = "prompt_pack"
    RETRIEVAL_INDEX = "retrieval_index"
    TOOL_CONTRACTS = "tool_contracts"
    SAFETY_POLICY = "safety_policy"
    ROUTING_RULES = "routing_rules"
    POST_PROCESSING = "post_processing"
    FEATURE_FLAGS = "feature_flags"


class SideEffect(StrEnum):
    """What a tool may write to a clinical system."""

    NONE = "none"
    DRAFT_NOTE = "draft_note"
    CHART = "chart"
    ORDER = "order"
    MESSAGE = "message"
    BILLING = "billing"
    APPOINTMENT = "appointment"


class Constraint(Part):
    """This artifact works with `kind` named `name` from `min_version` up to, but not including, `below_version`."""

    kind: ArtifactKind
    name: Slug
    min_version: Annotated[str, Field(max_length=32)] | None = None
    below_version: Annotated[str, Field(max_length=32)] | None = None


class Artifact(Part):
    """One versioned part of a release."""

    kind: ArtifactKind
    name: Slug
    artifact_version: Annotated[str, Field(max_length=32)]
    digest: Digest
    side_effects: tuple[SideEffect, ...] = ()
    tools: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=32)] = ()


class RiskClass(StrEnum):
    """The author's own estimate; it informs people and decides nothing."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ReleaseManifest(Message):
    """A composite release; its name is the SHA-256 of its canonical JSON (RFC 8785), see `digest_document`.

    `version` is that of the contract in which this message last changed, so that the same manifest keeps its name.
    """

    ce_type: ClassVar[str] = "homeostat.document.release"
    version: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{1,3}$")] = "1.0"
    title: Sentence
    artifacts: Annotated[tuple[Artifact, ...], Field(min_length=1, max_length=64)]
    parent: Digest | None = None
    author: Slug = "operator"
    risk: RiskClass = RiskClass.MEDIUM
