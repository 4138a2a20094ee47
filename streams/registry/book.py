"""Artifacts, releases and overrides, wherever they were read: the registry's one picture of them."""

import re

from homeostat.detectors.releases.catalogue import Catalogue
from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.control import ArtifactDocument, ReleaseDocument
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.override import OverrideDocument
from homeostat.schemas.release import ReleaseManifest

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")
_MOST_NAMED = 8


class Book:
    """What documents say. `names` are the short names that releases have in files, by digest."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.releases: dict[str, ReleaseManifest] = {}
        self.names: dict[str, str] = {}
        self._overrides: dict[str, OverrideDocument] = {}

    @property
    def overrides(self) -> OverrideBook:
        """The newest override of each scope."""
        return OverrideBook(document.body for document in self._overrides.values())

    def take(self, message: Message) -> None:
        """Take over a document; one that is none of the registry's is passed over."""
        match message:
            case ArtifactDocument():
                self.catalogue.take(message.body)
            case ReleaseDocument():
                self.releases[digest_document(message.body)] = message.body
            case OverrideDocument():
                held = self._overrides.get(message.subject)
                if held is None or message.subject_version > held.subject_version:
                    self._overrides[message.subject] = message
            case _:
                pass

    def find_release(self, text: str) -> ReleaseManifest:
        """A release by its digest (or the beginning of it), its title, or its name in a file.

        Raises `DocumentInvalid` where there is none, or more than one.
        """
        wanted = _DIGEST.fullmatch(text)
        beginning = None if wanted is None else f"sha256:{wanted[1]}"
        found = [
            digest
            for digest, manifest in self.releases.items()
            if (beginning and digest.startswith(beginning)) or text in {manifest.title, self.names.get(digest)}
        ]
        if len(found) == 1:
            return self.releases[found[0]]
        if found:
            raise DocumentInvalid(f"{text!r} is {len(found)} releases: give one of {', '.join(sorted(found))}")
        known = [f"{manifest.title!r} {digest[:19]}" for digest, manifest in self._by_title()]
        more = "" if len(known) <= _MOST_NAMED else f" and {len(known) - _MOST_NAMED} more"
        raise DocumentInvalid(
            f"no release {text!r}: known are {', '.join(known[:_MOST_NAMED]) or 'none'}{more}; give a digest, the "
            "beginning of one, a title, or a file"
        )

    def _by_title(self) -> list[tuple[str, ReleaseManifest]]:
        return sorted(self.releases.items(), key=lambda item: (item[1].title, item[0]))
