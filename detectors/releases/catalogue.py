"""What the registry has: immutable artifacts by kind, name and version."""

from collections.abc import Iterable
from typing import NamedTuple

from homeostat.detectors.releases.versions import parse_version, version_key
from homeostat.schemas.base import Part
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact, ArtifactKind

Place = tuple[ArtifactKind, str, str]
"""Kind, name and the one name of equal versions."""


class Disputed(NamedTuple):
    """A version that was registered more than once, as different things: none of them is used."""

    place: Place
    artifacts: tuple[Artifact, ...]


class Catalogue:
    """Artifacts as they were registered. The order in which they are taken over does not matter.

    Whoever adds to a registry asks `check_new` first. Where two writers were faster than each other, both statements
    stay visible in `disputed` and neither is used: which one came first, nobody could prove later.
    """

    def __init__(self, artifacts: Iterable[Artifact] = ()) -> None:
        self._stated: dict[Place, dict[str, Artifact]] = {}
        for artifact in artifacts:
            self.take(artifact)

    def take(self, artifact: Artifact) -> None:
        """Take over what is registered; the same statement again changes nothing. Raises `DocumentInvalid`."""
        self._stated.setdefault(place_of(artifact), {})[digest_document(artifact)] = artifact

    def check_new(self, artifact: Artifact) -> bool:
        """Whether it is new; False for the same statement again. Raises `DocumentInvalid` for another one."""
        stated = self._stated.get(place_of(artifact))
        if stated is None:
            return True
        if list(stated) == [digest_document(artifact)]:
            return False
        there = next(iter(stated.values()))
        raise DocumentInvalid(
            f"{describe(artifact)} is registered already with {differences(there, artifact)}; what is registered never "
            "changes: give the changed artifact a new version"
        )

    @property
    def artifacts(self) -> list[Artifact]:
        """Every undisputed artifact, by kind and name, the newest version first."""
        found = [next(iter(stated.values())) for stated in self._stated.values() if len(stated) == 1]
        newest_first = sorted(found, key=lambda artifact: parse_version(artifact.artifact_version), reverse=True)
        return sorted(newest_first, key=lambda artifact: (artifact.kind, artifact.name))

    @property
    def disputed(self) -> list[Disputed]:
        """Versions with more than one statement, sorted."""
        several = sorted((place, stated) for place, stated in self._stated.items() if len(stated) > 1)
        return [Disputed(place, tuple(stated[digest] for digest in sorted(stated))) for place, stated in several]

    def versions(self, kind: ArtifactKind, name: str) -> list[Artifact]:
        """The undisputed versions of one artifact, newest first; none where there is no such artifact."""
        return [artifact for artifact in self.artifacts if (artifact.kind, artifact.name) == (kind, name)]


def place_of(artifact: Artifact) -> Place:
    """What may be stated once only. Raises `DocumentInvalid` for a version that cannot be ordered."""
    return artifact.kind, artifact.name, version_key(artifact.artifact_version)


def describe(artifact: Artifact) -> str:
    """Kind, name and version in words."""
    return f"{artifact.kind} {artifact.name} {artifact.artifact_version}"


def differences(one: Part, other: Part) -> str:
    """The fields in which two statements differ, with what the first one says of them."""
    first, second = one.model_dump(mode="json"), other.model_dump(mode="json")
    names = [name for name in type(one).model_fields if first.get(name) != second.get(name)]
    return ", ".join(f"{name} {first.get(name)}" for name in names)
