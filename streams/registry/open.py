"""Opens the registry that a command means: a folder of YAML, or the broker."""

from collections.abc import Iterable
from pathlib import Path

from homeostat.schemas.release import ReleaseManifest
from homeostat.streams.keys import load_trust
from homeostat.streams.registry.book import Book
from homeostat.streams.registry.from_folder import read_folder, read_release_file
from homeostat.streams.registry.from_kafka import MODELS, read_topics
from homeostat.streams.settings import Settings


def open_book(folder: Path | None, settings: Settings, topics: Iterable[str] = tuple(MODELS)) -> Book:
    """The documents of a folder, else those on the broker, checked against the trust folder."""
    if folder is not None:
        return read_folder(folder)
    return read_topics(settings.kafka, load_trust(settings.keys.trust_folder), topics)


class ReleaseFinder:
    """Finds releases by what people type; the registry is opened only for what is no file."""

    def __init__(self, folder: Path | None, settings: Settings) -> None:
        self._folder, self._settings = folder, settings
        self._book: Book | None = None

    @property
    def book(self) -> Book:
        """The registry, read once."""
        if self._book is None:
            self._book = open_book(self._folder, self._settings)
        return self._book

    def find(self, text: str) -> ReleaseManifest:
        """A release by file (`FILE` or `FILE#NAME`), digest or the beginning of one, title, or name in the folder.

        Raises `DocumentInvalid` where there is none, or more than one.
        """
        in_file = read_release_file(text)
        return self.book.find_release(text) if in_file is None else in_file[1]
