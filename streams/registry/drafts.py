"""From a draft's file to a release's, by way of the registry."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from homeostat.detectors.releases.catalogue import Catalogue
from homeostat.detectors.releases.obstacles import Obstacles, find_obstacles
from homeostat.detectors.releases.resolve import resolve
from homeostat.schemas.base import Part, Slug
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.release_draft import ReleaseDraft
from homeostat.streams.documents.read import describe_error, load_entries
from homeostat.streams.registry.from_folder import write_yaml


class _DraftEntry(Part):
    kind: Literal["release-draft"]
    name: Slug | None = None
    body: ReleaseDraft


class Draft(NamedTuple):
    """A draft and the short name that its release gets."""

    name: str | None
    body: ReleaseDraft


class Resolved(NamedTuple):
    """The release, or why there is none; exactly one of them."""

    manifest: ReleaseManifest | None
    obstacles: Obstacles | None


def read_draft(path: Path) -> Draft:
    """The one draft of a YAML file. Raises `DocumentInvalid`."""
    entries = [raw for raw in load_entries(path) if isinstance(raw, dict) and raw.get("kind") == "release-draft"]
    if len(entries) != 1:
        raise DocumentInvalid(f"{path} holds {len(entries)} documents of the kind release-draft: give a file with one")
    try:
        entry = _DraftEntry.model_validate(entries[0])
    except ValidationError as error:
        raise DocumentInvalid(f"{path}: {describe_error(error)}") from None
    return Draft(entry.name, entry.body)


def resolve_draft(draft: Draft, catalogue: Catalogue) -> Resolved:
    """The newest bundle that fits, or what stands in the way. Raises `DocumentInvalid` for ranges that are none."""
    manifest = resolve(draft.body, catalogue)
    return Resolved(manifest, None if manifest is not None else find_obstacles(draft.body, catalogue))


def write_release(draft: Draft, manifest: ReleaseManifest) -> str:
    """The YAML that `homeostat apply` reads."""
    named: dict[str, Any] = {} if draft.name is None else {"name": draft.name}
    body = manifest.model_dump(mode="json", exclude_defaults=True)
    return write_yaml({"kind": "release", **named, "body": body})
