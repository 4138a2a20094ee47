"""Artifacts in words: rows of a list, and all about one of them."""

from collections.abc import Iterable, Iterator

from homeostat.detectors.releases.bundle import Need, describe_need, meets_need, needs_of
from homeostat.detectors.releases.catalogue import Catalogue, Disputed, describe
from homeostat.detectors.releases.versions import version_key
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact

_SHORT = 19
"""`sha256:` and twelve digits."""


def artifact_rows(artifacts: Iterable[Artifact]) -> Iterator[tuple[str, ...]]:
    """Kind, name, version, owner, side effects, tools, the digest's beginning."""
    for artifact in artifacts:
        about = (artifact.kind, artifact.name, artifact.artifact_version, artifact.owner or "-")
        yield (*about, join(artifact.side_effects), join(artifact.tools), artifact.digest[:_SHORT])


def find_artifact(catalogue: Catalogue, place: str) -> Artifact:
    """The artifact of `KIND/NAME/VERSION`, or the newest of `KIND/NAME`. Raises `DocumentInvalid`."""
    kind, _, rest = place.partition("/")
    name, _, version = rest.partition("/")
    found = [artifact for artifact in catalogue.artifacts if (artifact.kind, artifact.name) == (kind, name)]
    if version:
        wanted = version_key(version)
        found = [artifact for artifact in found if version_key(artifact.artifact_version) == wanted]
    if found:
        return found[0]
    known = sorted({f"{artifact.kind}/{artifact.name}/{artifact.artifact_version}" for artifact in catalogue.artifacts})
    raise DocumentInvalid(f"no artifact {place}: the registry has {', '.join(known) or 'none'}")


def tell_artifact(catalogue: Catalogue, artifact: Artifact) -> dict[str, str]:
    """What an artifact is, needs and gives; lines by name."""
    needed_by = [
        f"{describe(other)} ({describe_need(need)})"
        for other in catalogue.artifacts
        for need in needs_of(other)
        if other is not artifact and meets_need(artifact, need)
    ]
    versions = [each.artifact_version for each in catalogue.versions(artifact.kind, artifact.name)]
    return {
        "artifact": describe(artifact),
        "digest": artifact.digest,
        "owner": artifact.owner or "-",
        "may write": join(artifact.side_effects),
        "tools": join(artifact.tools),
        "templates": join(artifact.templates),
        "provides": join(f"{each.contract} {each.contract_version}" for each in artifact.provides),
        "needs": "; ".join(_tell_need(catalogue, need) for need in needs_of(artifact)) or "-",
        "needed by": "; ".join(needed_by) or "-",
        "versions": join(versions),
    }


def describe_disputed(disputed: Disputed) -> str:
    """A version that is stated as several things, in words."""
    digests = ", ".join(artifact.digest for artifact in disputed.artifacts)
    return f"{' '.join(disputed.place)} was registered as {digests}: none is used; register a new version"


def join(words: Iterable[str]) -> str:
    """Words with commas; `-` for none."""
    return ", ".join(words) or "-"


def _tell_need(catalogue: Catalogue, need: Need) -> str:
    meeting = [describe(artifact) for artifact in catalogue.artifacts if meets_need(artifact, need)]
    return f"{describe_need(need)} (met by {', '.join(meeting)})" if meeting else f"{describe_need(need)} (met by none)"
