"""What one release has that another has not: artifact by artifact, and as a whole."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from homeostat.schemas.release import Artifact, ReleaseManifest


class ArtifactChange(NamedTuple):
    """One artifact that is not the same in both; None: it is not there."""

    kind: str
    name: str
    before: Artifact | None
    after: Artifact | None

    @property
    def what(self) -> str:
        """`added`, `removed`, `version`; `rebuilt` for other bytes under one version, `declared` for the same bytes."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        if self.before.artifact_version != self.after.artifact_version:
            return "version"
        return "rebuilt" if self.before.digest != self.after.digest else "declared"


class Change(NamedTuple):
    """What is gained and lost, each sorted."""

    gained: tuple[str, ...]
    lost: tuple[str, ...]


class ReleaseDiff(NamedTuple):
    """Everything that differs; empty lists and changes where nothing does."""

    artifacts: list[ArtifactChange]
    tools: Change
    side_effects: Change
    templates: Change
    contracts: Change


def diff_releases(before: ReleaseManifest, after: ReleaseManifest) -> ReleaseDiff:
    """Compare two releases; one with itself gives no difference."""

    def change(read: Callable[[Artifact], Iterable[str]]) -> Change:
        first, second = ({item for each in m.artifacts for item in read(each)} for m in (before, after))
        return Change(tuple(sorted(second - first)), tuple(sorted(first - second)))

    return ReleaseDiff(
        _compare(before.artifacts, after.artifacts),
        change(lambda artifact: artifact.tools),
        change(lambda artifact: artifact.side_effects),
        change(lambda artifact: artifact.templates),
        change(lambda artifact: (f"{each.contract} {each.contract_version}" for each in artifact.provides)),
    )


def _compare(before: Iterable[Artifact], after: Iterable[Artifact]) -> list[ArtifactChange]:
    first, second = ({(each.kind, each.name): each for each in side} for side in (before, after))
    names = sorted({*first, *second})
    return [
        ArtifactChange(*name, first.get(name), second.get(name))
        for name in names
        if first.get(name) != second.get(name)
    ]
