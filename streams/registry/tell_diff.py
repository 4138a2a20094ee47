"""The difference of two releases in words."""

from collections.abc import Iterator
from typing import Any

from homeostat.detectors.releases.diff import ArtifactChange, Change, ReleaseDiff
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.streams.registry.tell import join

_SHORT = 19
_WORDS = {
    "added": "added",
    "removed": "removed",
    "version": "another version",
    "rebuilt": "other bytes under the same version",
    "declared": "the same bytes, declared otherwise",
}


def name_release(manifest: ReleaseManifest) -> str:
    """Its title and the beginning of its digest."""
    return f"{manifest.title} ({digest_document(manifest)[:_SHORT]})"


def change_rows(diff: ReleaseDiff) -> Iterator[tuple[str, ...]]:
    """Kind, name, what happened, version and digest before and after."""
    for change in diff.artifacts:
        yield change.kind, change.name, _WORDS[change.what], _say(change.before), _say(change.after)


def whole_lines(diff: ReleaseDiff) -> Iterator[str]:
    """What the release as a whole has gained and lost, a line for each thing that did."""
    named = (("tools", diff.tools), ("side effects", diff.side_effects), ("templates", diff.templates))
    for name, change in (*named, ("contracts", diff.contracts)):
        if change.gained:
            yield f"{name} gained: {join(change.gained)}"
        if change.lost:
            yield f"{name} lost: {join(change.lost)}"


def diff_to_json(before: ReleaseManifest, after: ReleaseManifest, diff: ReleaseDiff) -> dict[str, Any]:
    """The document that `--json` prints."""
    return {
        "before": {"digest": digest_document(before), "title": before.title},
        "after": {"digest": digest_document(after), "title": after.title},
        "artifacts": [_dump(change) for change in diff.artifacts],
        **{name: _dump_change(getattr(diff, name)) for name in ("tools", "side_effects", "templates", "contracts")},
    }


def _say(artifact: Artifact | None) -> str:
    return "-" if artifact is None else f"{artifact.artifact_version} {artifact.digest[:_SHORT]}"


def _dump(change: ArtifactChange) -> dict[str, Any]:
    sides = {
        side: None if artifact is None else artifact.model_dump(mode="json")
        for side, artifact in (("before", change.before), ("after", change.after))
    }
    return {"kind": change.kind, "name": change.name, "what": change.what, **sides}


def _dump_change(change: Change) -> dict[str, list[str]]:
    return {"gained": list(change.gained), "lost": list(change.lost)}
