"""The registry in a folder of YAML files, for pipelines that check without a broker."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from homeostat.detectors.releases.catalogue import place_of
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.release import Artifact, ReleaseManifest
from homeostat.streams.documents.read import DocumentReader
from homeostat.streams.registry.book import Book

KINDS = frozenset({"artifact", "release", "override"})


def read_folder(path: Path) -> Book:
    """Read every artifact, release and override of a folder's YAML files, or of one file; other kinds stay unread.

    Without a `version` of their own, overrides count in the order of the files' names. Raises `DocumentInvalid` for a
    document that cannot be used, or two artifacts under one name and version.
    """
    if not path.exists():
        raise DocumentInvalid(f"{path} does not exist: give a folder of YAML files, or one of them")
    files = sorted({*path.rglob("*.yaml"), *path.rglob("*.yml")}) if path.is_dir() else [path]
    book = Book()
    for number, file in enumerate(files, start=1):
        reader = DocumentReader(at_ms=number)
        for document in reader.read_files([file], KINDS):
            book.take(document.message)
        book.names.update({digest_document(manifest): name for name, manifest in reader.releases.items()})
    for disputed in book.catalogue.disputed:
        first, second, *_ = disputed.artifacts
        raise DocumentInvalid(
            f"{path}: {' '.join(disputed.place)} is declared twice, with {first.digest} and {second.digest}: what is "
            "registered never changes, give the changed artifact a new version"
        )
    return book


def read_release_file(text: str) -> tuple[Book, ReleaseManifest] | None:
    """The release of a file, or of `FILE#NAME` where it holds several; None where `text` names no file."""
    name, _, wanted = text.partition("#")
    path = Path(name)
    if not path.is_file():
        return None
    book = read_folder(path)
    if wanted:
        return book, book.find_release(wanted)
    if len(book.releases) != 1:
        names = ", ".join(sorted(book.names.values()))
        raise DocumentInvalid(f"{name} holds {len(book.releases)} releases: give {name}#NAME with one of {names}")
    return book, next(iter(book.releases.values()))


def write_artifacts(folder: Path, artifacts: Sequence[Artifact]) -> list[Path]:
    """Write each artifact as a YAML file of its own, `KIND/NAME/VERSION.yaml`; no file is overwritten."""
    paths = []
    for artifact in artifacts:
        kind, name, version = place_of(artifact)
        path = folder / kind / name / f"{version}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as out:
            out.write(write_yaml({"kind": "artifact", "body": artifact.model_dump(mode="json", exclude_defaults=True)}))
        paths.append(path)
    return paths


def write_yaml(document: object) -> str:
    """One YAML document, in the order in which it was built."""
    return str(yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True))
