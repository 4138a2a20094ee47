"""`homeostat log`: topics as files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Dump topics to files that `backtest` reads.")


@app.callback()
def log() -> None:
    """Dump topics to files that `backtest` reads."""


@app.command()
def dump(
    ctx: typer.Context,
    topic: Annotated[str, typer.Argument(help="A topic of the broker, such as traces.v1 or state.leaf.v1.")],
    out_file: Annotated[Path, typer.Option("--out", help="The file to write; .parquet, or JSON lines.")],
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the count as JSON.")] = False,
) -> None:
    """Write every committed record that the topic has now: offsets, times, keys, values and headers as they are.

    The dump is as sensitive as the topic: it holds what the topic holds.
    """
    from homeostat.streams.backtest.dump_file import write_dump
    from homeostat.streams.backtest.kafka_dump import TopicReader

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap})
    columns = (TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        TopicReader(settings.kafka, topic) as reader,
        Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress,
    ):
        task = progress.add_task("reading", total=reader.total)
        count = write_dump(out_file, reader.head, reader.read(lambda done: progress.update(task, completed=done)))
    if as_json:
        print_json({"file": str(out_file), "topic": topic, "partitions": reader.head.partitions, "records": count})
    else:
        out.print(f"{count} records of {topic} in {out_file}", highlight=False)
