"""Files of an archive, in a local folder or an object store: seen whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from homeostat.streams import failpoints
from homeostat.streams.archive.layout import ArchiveFile
from homeostat.streams.errors import ArchiveUnavailable, SettingsInvalid

_TEMPORARY = ".tmp"
_LISTINGS = 9
"""How often a listing is tried again in which a folder appeared, or a file went, between two looks at it."""


class ArchiveStore:
    """One archive. `location` is a path, or a URI that pyarrow knows: file://, s3://, gs://."""

    def __init__(self, location: str) -> None:
        """Raises `SettingsInvalid` for a location that is none."""
        self.location = location
        try:
            if "://" in location:
                self._files, self._root = pafs.FileSystem.from_uri(location)
            else:
                self._files, self._root = pafs.LocalFileSystem(), str(Path(location).absolute())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
            raise SettingsInvalid(
                f"{location} is no archive: give a folder, file://, s3:// or gs:// ({error})"
            ) from None
        self.is_local = isinstance(self._files, pafs.LocalFileSystem)

    def topics(self) -> list[str]:
        """The topics that have a folder here, sorted; none where there is no archive yet."""
        return sorted(info.base_name for info in self._list("") if info.type is pafs.FileType.Directory)

    def days(self, topic: str) -> list[str]:
        """The days of a topic, oldest first."""
        names = [info.base_name for info in self._list(topic) if info.type is pafs.FileType.Directory]
        return sorted(name.removeprefix("day=") for name in names if name.startswith("day="))

    def files(self, topic: str, day: str) -> list[ArchiveFile]:
        """A day's files, of all partitions."""
        folder = f"day={day}"
        found = (ArchiveFile.parse(folder, info.base_name) for info in self._list(f"{topic}/{folder}"))
        return [file for file in found if file is not None and file.topic == topic]

    def open(self, file: ArchiveFile) -> Any:
        """A file to read at any place in it. Raises `ArchiveUnavailable`."""
        try:
            return self._files.open_input_file(self._path(file.path))
        except OSError as error:
            raise ArchiveUnavailable(f"{file.path} of {self.location} cannot be read ({error}): run again") from None

    def write(self, file: ArchiveFile, content: pa.Buffer) -> None:
        """Write a file that appears whole or not at all; one of the same name holds the same records and is replaced.

        An object store shows an object when its upload ends. Raises `ArchiveUnavailable`.
        """
        try:
            if self.is_local:
                self._write_local(file, memoryview(content))
                return
            failpoints.hit("archive.before_write")
            with self._files.open_output_stream(self._path(file.path)) as out:
                out.write(content)
        except OSError as error:
            raise ArchiveUnavailable(f"{file.path} cannot be written to {self.location} ({error})") from None

    def delete(self, file: ArchiveFile) -> None:
        """Remove a file whose records another one holds; one that is gone is gone. Raises `ArchiveUnavailable`."""
        self.delete_temporary(self._path(file.path))

    def temporaries(self, topic: str, day: str) -> Iterator[tuple[str, float]]:
        """What killed writers left in a day's folder: paths, and when they were last written (s since the epoch)."""
        for info in self._list(f"{topic}/day={day}"):
            if info.base_name.endswith(_TEMPORARY):
                yield info.path, info.mtime.timestamp()

    def delete_temporary(self, path: str) -> None:
        """Remove what a killed writer left."""
        try:
            self._files.delete_file(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ArchiveUnavailable(f"{path} cannot be deleted from {self.location} ({error})") from None

    def _write_local(self, file: ArchiveFile, content: memoryview) -> None:
        path = Path(self._path(file.path))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
        half = len(content) // 2
        failpoints.hit("archive.before_write")
        with temporary.open("wb") as out:
            out.write(content[:half])
            failpoints.hit("archive.half_written")
            out.write(content[half:])
            out.flush()
            os.fsync(out.fileno())
        failpoints.hit("archive.before_rename")
        temporary.replace(path)
        _sync_folder(path.parent)

    def _list(self, folder: str) -> list[Any]:
        selector = pafs.FileSelector(self._path(folder), allow_not_found=True)
        try:
            for _ in range(_LISTINGS):
                with suppress(FileNotFoundError):
                    return list(self._files.get_file_info(selector))
            return list(self._files.get_file_info(selector))
        except OSError as error:
            raise ArchiveUnavailable(f"{self.location} cannot be listed ({error}): is it there, may we read?") from None

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}" if relative else self._root


def _sync_folder(folder: Path) -> None:
    """A rename lasts once its folder is on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
