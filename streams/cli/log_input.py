"""What the commands over logs share: the log in a file or an archive, its keys, and a bar."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.session import err, is_watched
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.detectors.trust import TrustStore
    from homeostat.streams.backtest.dump_file import DumpHead
    from homeostat.streams.backtest.log_source import LogSource
    from homeostat.streams.settings import Settings


def load_keys(settings: "Settings", head: "DumpHead") -> "tuple[TrustStore, dict[str, bytes]]":
    """The trust store and, for traces, the MAC masters of the installation. Raises `SettingsInvalid`."""
    from homeostat.schemas.topics import TRACES
    from homeostat.streams.keys import load_masters, load_trust

    store = load_trust(settings.keys.trust_folder)
    if head.topic != TRACES:
        return store, {}
    if settings.keys.mac_masters_folder is None:
        raise SettingsInvalid("a log of traces.v1 is authenticated again: give --masters, the folder of MAC masters")
    return store, load_masters(settings.keys.mac_masters_folder)


def open_log(
    name: str, topic: str, days: tuple[datetime | None, datetime | None], show: "Show | None" = None
) -> "LogSource | None":
    """The log in a dump or an archive; None for a file of bare traces. `show` is told how far it was read."""
    from homeostat.streams.archive.reader import ArchiveReader
    from homeostat.streams.archive.store import ArchiveStore
    from homeostat.streams.backtest.dump_file import count_units, read_head
    from homeostat.streams.backtest.log_source import ArchiveSource, DumpSource

    path, shown = Path(name), show or Show(None)
    if "://" in name or path.is_dir():
        reader = ArchiveReader(ArchiveStore(name), topic, *map(_day, days))
        shown.begin(reader.offsets)
        return ArchiveSource(name, reader, shown)
    if not path.is_file():
        raise SettingsInvalid(f"{name} does not exist: give a file of traces, a dump, or an archive's folder or URI")
    shown.begin(count_units(path))
    head = read_head(path)
    return None if head is None else DumpSource(path, head, shown)


def _day(time: datetime | None) -> str | None:
    return None if time is None else time.date().isoformat()


class Show:
    """A bar, once it is known how far there is to go; without a place to be shown, nothing."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("running", total=None)

    def begin(self, total: int) -> None:
        """Say how far there is to go."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total)

    def __call__(self, done: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done)


@contextmanager
def show_progress() -> Iterator[Show]:
    """A bar on standard error, where a person looks."""
    columns = (TextColumn("running"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress:
        yield Show(progress)
