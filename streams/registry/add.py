"""Adds artifacts to the registry: all of the files', or none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homeostat.detectors.releases.catalogue import Catalogue, describe
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import ArtifactDocument
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ARTIFACTS
from homeostat.streams.clock import SystemClock
from homeostat.streams.documents.publish import publish_documents
from homeostat.streams.documents.read import DocumentReader, ToPublish
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.keys import load_signers
from homeostat.streams.registry.from_folder import read_folder, write_artifacts
from homeostat.streams.registry.open import open_book
from homeostat.streams.settings import Settings

_LIMIT_S = 20.0


def add_artifacts(
    files: Sequence[Path], folder: Path | None, settings: Settings, dry_run: bool
) -> list[dict[str, Any]]:
    """Check every artifact of the files against the registry, then add those that are new; a row for each.

    Raises `DocumentInvalid` before anything is added, where one is registered already as something else.
    """
    documents = DocumentReader(SystemClock().wall_ms()).read_files(files)
    artifacts = [each for each in documents if isinstance(each.message, ArtifactDocument)]
    if not artifacts or len(artifacts) < len(documents):
        raise DocumentInvalid(
            "a registry takes documents of the kind artifact only; `homeostat apply` takes the others"
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    catalogue = open_book(folder, settings, (ARTIFACTS,)).catalogue
    new = _find_new(artifacts, catalogue)
    if not dry_run:
        _write(new, folder, settings)
    names = {each.key for each in new}
    return [_row(each, each.key in names) for each in artifacts]


def _find_new(documents: Sequence[ToPublish], catalogue: Catalogue) -> list[ToPublish]:
    new = []
    for document in documents:
        assert isinstance(document.message, ArtifactDocument)
        if catalogue.check_new(document.message.body):
            catalogue.take(document.message.body)
            new.append(document)
    return new


def _write(new: Sequence[ToPublish], folder: Path | None, settings: Settings) -> None:
    if folder is not None:
        write_artifacts(folder, [each.message.body for each in new if isinstance(each.message, ArtifactDocument)])
        read_folder(folder)
    elif new:
        if settings.keys.private_key_path is None:
            raise SettingsInvalid("artifacts are signed by an operator: give --key or set keys.private_key_path")
        signer = load_signers(settings.keys.private_key_path, [SignerRole.OPERATOR])[SignerRole.OPERATOR]
        publish_documents(settings.kafka, signer, new, limit_s=_LIMIT_S)


def _row(document: ToPublish, is_new: bool) -> dict[str, Any]:
    assert isinstance(document.message, ArtifactDocument)
    artifact = document.message.body
    return {"artifact": describe(artifact), "declaration": digest_document(artifact), "new": is_new}
