"""From a draft to the newest bundle of registered artifacts that fit together."""

from collections.abc import Sequence

from homeostat.detectors.releases.bundle import is_met, meets_need, needs_of
from homeostat.detectors.releases.catalogue import Catalogue
from homeostat.detectors.releases.versions import is_in_range, parse_range
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.schemas.release_draft import DraftArtifact, ReleaseDraft

MAX_STEPS = 100_000
"""Choices that a search may try: a registry of a clinic needs a few dozen."""
Choices = tuple[tuple[Artifact, ...], ...]
"""For each artifact of a draft, in its order, the versions that may be taken, newest first."""


def resolve(draft: ReleaseDraft, catalogue: Catalogue) -> ReleaseManifest | None:
    """The newest compatible bundle: of the artifact named first the newest that any bundle has, then of the second.

    None where no bundle of the draft's ranges fits. Raises `DocumentInvalid` for a range that is none, or a search
    that does not end in `MAX_STEPS`.
    """
    found = search([in_range(wanted, catalogue) for wanted in draft.artifacts])
    return None if found is None else build_manifest(draft, found)


def in_range(wanted: DraftArtifact, catalogue: Catalogue) -> tuple[Artifact, ...]:
    """The registered versions in a draft's range, newest first."""
    versions = parse_range(wanted.version)
    registered = catalogue.versions(wanted.kind, wanted.name)
    return tuple(artifact for artifact in registered if is_in_range(artifact.artifact_version, versions))


def build_manifest(draft: ReleaseDraft, artifacts: Sequence[Artifact]) -> ReleaseManifest:
    """The manifest of a draft with these artifacts."""
    about = {name: getattr(draft, name) for name in ("title", "parent", "author", "risk")}
    return ReleaseManifest(artifacts=tuple(artifacts), **about)


def search(choices: Sequence[tuple[Artifact, ...]]) -> tuple[Artifact, ...] | None:
    """The first bundle in the order of the choices that fits together, or None. Raises `DocumentInvalid`."""
    return _Search().run((), tuple(choices))


class _Search:
    """Depth first; what a choice leaves no room for is cut before it is tried."""

    def __init__(self) -> None:
        self._steps = 0

    def run(self, chosen: tuple[Artifact, ...], rest: Choices) -> tuple[Artifact, ...] | None:
        if not rest:
            return chosen
        for artifact in rest[0]:
            self._count()
            taken = (*chosen, artifact)
            left = _narrow(artifact, rest[1:])
            if all(left) and _may_hold(taken, left) and (found := self.run(taken, left)) is not None:
                return found
        return None

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise DocumentInvalid(f"no bundle found in {MAX_STEPS} steps: narrow the draft's ranges of versions")


def _narrow(chosen: Artifact, rest: Choices) -> Choices:
    """Take out what the chosen artifact excludes, and what excludes it."""
    return tuple(tuple(other for other in versions if _agree(chosen, other)) for versions in rest)


def _agree(one: Artifact, other: Artifact) -> bool:
    return _accepts(one, other) and _accepts(other, one)


def _accepts(one: Artifact, other: Artifact) -> bool:
    about = [need for need in one.constraints if (need.kind, need.name) == (other.kind, other.name)]
    return all(meets_need(other, need) for need in about)


def _may_hold(chosen: Sequence[Artifact], rest: Choices) -> bool:
    """Whether every need of what is chosen is met already, or by something that may still be chosen."""
    return all(
        is_met(need, artifact, chosen) or any(meets_need(other, need) for versions in rest for other in versions)
        for artifact in chosen
        for need in needs_of(artifact)
    )
