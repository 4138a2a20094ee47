"""`homeostat backtest`: the whole pipeline, or one stage, over a file or an archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.detectors.trust import TrustStore
    from homeostat.streams.backtest.dump_file import DumpHead
    from homeostat.streams.backtest.log_source import LogSource
    from homeostat.streams.settings import Settings


def backtest(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="Traces or a dump (Parquet, JSON lines), or an archive (folder, URI).")],
    policy: Annotated[
        Path | None, typer.Option(exists=True, help="Bare traces: folder or file of policy, releases and rollouts.")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Bare traces: instead of the policy's.")
    ] = None,
    tick: Annotated[float | None, typer.Option(min=0.001, help="Bare traces: seconds between ticks.")] = None,
    one_stage: Annotated[bool, typer.Option("--stage", help="Log of traces.v1: run the leaves only.")] = False,
    trust: Annotated[Path | None, typer.Option(help="Dump, archive: the installation's trust folder.")] = None,
    masters: Annotated[Path | None, typer.Option(help="Dump, archive of traces.v1: the folder of MAC masters.")] = None,
    topic: Annotated[str, typer.Option(help="Archive: the topic to read.")] = "traces.v1",
    from_day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Archive: the first day of log time (UTC).")
    ] = None,
    to_day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Archive: the last day.")] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Write what the stages wrote, one dump a topic.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Run the pipeline over a file, without Kafka: the same code that runs live, so the same log, the same result.

    Bare traces (one a line or a row) are keyed, authenticated and ticked as a runtime and control would have done,
    with keys of the backtest. A dump of `homeostat log dump`, or an archive of `homeostat archive` and the role
    record, brings its own control records: one of traces.v1 runs through all stages, one of another stage's input
    through that stage. Days of an archive begin to count at the first snapshot that control wrote in them.
    """
    from homeostat.streams.backtest import run

    settings = settings_of(ctx, keys={"trust_folder": trust, "mac_masters_folder": masters})
    with show_progress() as show:
        source = open_log(file, topic, (from_day, to_day), show)
        if source is None:
            found = run.run_traces(Path(file), policy, partitions, tick, out_folder, show)
        else:
            run_it = run.run_log if run.stage_of(source.head) == "leaf" and not one_stage else run.run_stage
            store, secrets = load_keys(settings, source.head)
            found = run_it(source, store, secrets, out_folder)
    if as_json:
        print_json(found)
    else:
        _print_lines(found)


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


def _print_lines(found: dict[str, Any]) -> None:
    from homeostat.streams.backtest.findings import say_findings

    if "stage" in found:
        for note in found["assumptions"]:
            out.print(note, highlight=False, markup=False)
        for row in found["partitions"]:
            out.print(
                f"{found['stage']} {row['partition']}: {row['records']} records, next offset {row['next_offset']}, "
                f"{row['state_records']} state records of {row['state_bytes']} bytes",
                highlight=False,
            )
    else:
        for line in (*found["assumptions"], *say_findings(found)):
            out.print(line, highlight=False, markup=False)
    written = ", ".join(f"{topic} {count}" for topic, count in found["topics"].items())
    out.print(f"records: {written or 'none'}", highlight=False)


def open_log(name: str, topic: str, days: tuple[datetime | None, datetime | None], show: "Show") -> "LogSource | None":
    """The log in a dump or an archive; None for a file of bare traces."""
    from homeostat.streams.archive.reader import ArchiveReader
    from homeostat.streams.archive.store import ArchiveStore
    from homeostat.streams.backtest.dump_file import count_units, read_head
    from homeostat.streams.backtest.log_source import ArchiveSource, DumpSource

    path = Path(name)
    if "://" in name or path.is_dir():
        reader = ArchiveReader(ArchiveStore(name), topic, *map(_day, days))
        show.begin(reader.offsets)
        return ArchiveSource(name, reader, show)
    if not path.is_file():
        raise SettingsInvalid(f"{name} does not exist: give a file of traces, a dump, or an archive's folder or URI")
    show.begin(count_units(path))
    head = read_head(path)
    return None if head is None else DumpSource(path, head, show)


def _day(time: datetime | None) -> str | None:
    return None if time is None else time.date().isoformat()


class Show:
    """A bar, once it is known how far there is to go."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task = progress, progress.add_task("running", total=None)

    def begin(self, total: int) -> None:
        """Say how far there is to go."""
        self._progress.update(self._task, total=total)

    def __call__(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


@contextmanager
def show_progress() -> Iterator[Show]:
    """A bar on standard error, where a person looks."""
    columns = (TextColumn("running"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress:
        yield Show(progress)
