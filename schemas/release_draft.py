"""A release in the making: artifacts by kind, name and a range of versions, for the registry to resolve."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from homeostat.schemas.base import Digest, Part, Sentence, Slug
from homeostat.schemas.release import ArtifactKind, RiskClass


class DraftArtifact(Part):
    """One artifact of the release; `version` is one version (`2.1.0`) or a range (`>=2,<3`), left out: any."""

    kind: ArtifactKind
    name: Slug
    version: Annotated[str, Field(max_length=64)] | None = None


class ReleaseDraft(Part):
    """What a release is to be made of; the other fields are those of the manifest."""

    title: Sentence
    artifacts: Annotated[tuple[DraftArtifact, ...], Field(min_length=1, max_length=64)]
    parent: Digest | None = None
    author: Slug = "operator"
    risk: RiskClass = RiskClass.MEDIUM

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [(wanted.kind, wanted.name) for wanted in self.artifacts]
        twice = sorted({f"{kind} {name}" for kind, name in names if names.count((kind, name)) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return self
