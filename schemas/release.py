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


def _is_unused(value: object) -> bool:
    """A field that came later is left out of the JSON where it says nothing: older manifests keep their name."""
    return not value


class Constraint(Part):
    """This artifact needs `kind` named `name` from `min_version` up to, but not including, `below_version`."""

    kind: ArtifactKind
    name: Slug
    min_version: Annotated[str, Field(max_length=32)] | None = None
    below_version: Annotated[str, Field(max_length=32)] | None = None


ContractVersion = Annotated[int, Field(ge=1, lt=1_000_000)]


class Contract(Part):
    """A named promise across artifacts, in one version: the shape of a note, of a tool's arguments."""

    contract: Slug
    contract_version: ContractVersion


class ContractNeed(Part):
    """Some artifact of the release provides `contract` from `min_version` up to, but not including, `below_version`."""

    contract: Slug
    min_version: ContractVersion = 1
    below_version: ContractVersion | None = None

    def is_met_by(self, offer: Contract) -> bool:
        """Whether one promise is the wanted one, in a version of the range.

        >>> ContractNeed(contract="note_schema", min_version=3).is_met_by(
        ...     Contract(contract="note_schema", contract_version=2)
        ... )
        False
        """
        below = self.below_version is None or offer.contract_version < self.below_version
        return offer.contract == self.contract and self.min_version <= offer.contract_version and below


class Artifact(Part):
    """One versioned part of a release.

    `owner` answers for it, `templates` are the output templates that it brings, `provides` and `requires` are
    contracts with other artifacts of the release.
    """

    kind: ArtifactKind
    name: Slug
    artifact_version: Annotated[str, Field(max_length=32)]
    digest: Digest
    side_effects: tuple[SideEffect, ...] = ()
    tools: Annotated[tuple[Slug, ...], Field(max_length=64)] = ()
    constraints: Annotated[tuple[Constraint, ...], Field(max_length=32)] = ()
    owner: Slug | None = Field(default=None, exclude_if=_is_unused)
    templates: tuple[Slug, ...] = Field(default=(), max_length=64, exclude_if=_is_unused)
    provides: tuple[Contract, ...] = Field(default=(), max_length=32, exclude_if=_is_unused)
    requires: tuple[ContractNeed, ...] = Field(default=(), max_length=32, exclude_if=_is_unused)


class RiskClass(StrEnum):
    """The author's own estimate; it informs people and decides nothing."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for the lowest."""
        return list(RiskClass).index(self)


class ReleaseManifest(Message):
    """A composite release; its name is the SHA-256 of its canonical JSON (RFC 8785), see `digest_document`.

    `version` stays, and a field that came later is left out where it is unused, so that a manifest keeps its name.
    A `known_bad` release exists for drills only.
    """

    ce_type: ClassVar[str] = "homeostat.document.release"
    version: Annotated[str, Field(pattern=r"^\d{1,3}\.\d{1,3}$")] = "1.0"
    title: Sentence
    artifacts: Annotated[tuple[Artifact, ...], Field(min_length=1, max_length=64)]
    parent: Digest | None = None
    author: Slug = "operator"
    risk: RiskClass = RiskClass.MEDIUM
    known_bad: bool = Field(default=False, exclude_if=_is_unused)
