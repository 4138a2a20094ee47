"""`homeostat archive`: topics as Parquet in a folder or an object store."""

import time
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of

HELP = """Keep topics as Parquet, for backtests that outlive their retention.

`homeostat worker --role record` archives all along; `write` does it once. `homeostat backtest ARCHIVE` reads it.
An archive is as sensitive as its topics, and MAC masters are needed as long as backtests are to read it.
"""
Location = Annotated[str, typer.Argument(help="The archive: a folder, or file://, s3://, gs://.")]
Topic = Annotated[str, typer.Option(help="The archived topic.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP)


@app.callback()
def archive() -> None:
    """Keep topics as Parquet; `HELP` is what is shown."""


@app.command()
def write(
    ctx: typer.Context,
    location: Location,
    topic: Topic = "traces.v1",
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Archive what the topic has now and the archive has not yet, then end: for a job that runs now and then.

    It may be killed at any point and run again, and beside the role record: every offset is read once all the same.
    Run it more often than the topic's retention (traces.v1: 7 days).
    """
    from homeostat.streams import failpoints
    from homeostat.streams.archive.catch_up import catch_up
    from homeostat.streams.archive.store import ArchiveStore
    from homeostat.streams.logging_setup import configure_logging

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, archive={"topics": (topic,)})
    configure_logging(settings.log_format, settings.log_level)
    failpoints.arm(settings.failpoint)
    columns = (TextColumn("archiving"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress:
        task = progress.add_task("archiving", total=None)
        show = lambda done, total: progress.update(task, completed=done, total=total)  # noqa: E731 one call
        written = catch_up(settings.kafka, ArchiveStore(location), topic, settings.archive, show)
    if as_json:
        print_json(written)
        return
    offsets = sum(row["next_offset"] - row["from_offset"] for row in written["partitions"])
    out.print(f"{offsets} offsets of {topic} added to {location}", highlight=False)


@app.command()
def check(location: Location, topic: Topic = "traces.v1", as_json: AsJson = False) -> None:
    """Show what an archive holds, and offsets that it does not have; exit code 1 where some are missing."""
    from homeostat.streams.archive.reader import ArchiveReader
    from homeostat.streams.archive.store import ArchiveStore

    found = ArchiveReader(ArchiveStore(location), topic).describe()
    if as_json:
        print_json(found)
    else:
        _print_lines(found)
    if any(row["gaps"] for row in found["partitions"]):
        raise typer.Exit(1)


@app.command()
def compact(ctx: typer.Context, location: Location, topic: Topic = "traces.v1", as_json: AsJson = False) -> None:
    """Merge small files of each day, up to archive.file_bytes; readers and writers may go on meanwhile."""
    from homeostat.streams import failpoints
    from homeostat.streams.archive.compact import compact_day
    from homeostat.streams.archive.store import ArchiveStore

    settings, store = settings_of(ctx), ArchiveStore(location)
    failpoints.arm(settings.failpoint)
    rows = []
    for day in store.days(topic):
        done = compact_day(store, topic, day, settings.archive.file_bytes, time.time())
        rows.append({"day": day, **done._asdict()})
    if as_json:
        print_json({"archive": location, "topic": topic, "days": rows})
        return
    for row in rows:
        merged = f"{row['merged']} files merged into {row['into']}, {row['deleted']} not needed deleted"
        out.print(f"{row['day']}: {merged}", highlight=False)


def _print_lines(found: dict[str, Any]) -> None:
    out.print(f"{found['topic']}, {found['from_day']} to {found['to_day']}, {found['files']} files", highlight=False)
    for row in found["partitions"]:
        gaps = "; ".join(f"offsets {gap['first']} to {gap['next'] - 1} missing" for gap in row["gaps"])
        line = f"partition {row['partition']}: offsets {row['first']} to {row['next'] - 1}, {row['files']} files"
        out.print(f"{line}; {gaps or 'complete'}", highlight=False)
