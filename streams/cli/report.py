"""`homeostat report`: one HTML page of what a log of traces shows."""

import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from homeostat.streams.cli.log_input import load_keys, open_log, show_progress
from homeostat.streams.cli.log_options import FromDay, LogName, MastersFolder, Partitions, TickS, ToDay, TrustFolder
from homeostat.streams.cli.session import out, settings_of


def report(
    ctx: typer.Context,
    file: LogName,
    page: Annotated[Path, typer.Option("--out", help="The page to write; one that is there is replaced.")] = Path(
        "report.html"
    ),
    policy: Annotated[
        Path | None, typer.Option(exists=True, help="Bare traces: folder or file of policy, releases and rollouts.")
    ] = None,
    partitions: Partitions = None,
    tick: TickS = None,
    trust: TrustFolder = None,
    masters: MastersFolder = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
) -> None:
    """Run the pipeline over traces, and write one HTML page of what it found: what needs doing first, numbers after.

    The page holds everything it shows and asks nothing of the network: it can be sent, kept and printed. It names
    clinics and holds ids of works, never text. It takes what `homeostat backtest` takes, of traces.v1.
    """
    from homeostat.schemas.topics import TRACES
    from homeostat.streams.report.page import render
    from homeostat.streams.report.run import report_log, report_traces

    settings = settings_of(ctx, keys={"trust_folder": trust, "mac_masters_folder": masters})
    command = _say_command(file, page, policy, partitions, tick, from_day, to_day)
    with show_progress() as show:
        source = open_log(file, TRACES, (from_day, to_day), show)
        if source is None:
            made = report_traces(Path(file), policy, partitions, tick, command, show)
        else:
            made = report_log(source, *load_keys(settings, source.head), command)
    page.write_text(render(made), encoding="utf-8")
    out.print(f"{page}: {len(made.events)} events, {page.stat().st_size / 1024:.0f} KiB", highlight=False, markup=False)


def _say_command(
    file: str,
    page: Path,
    policy: Path | None,
    partitions: int | None,
    tick: float | None,
    from_day: datetime | None,
    to_day: datetime | None,
) -> str:
    """The command as one would type it; where trust and masters lie is nobody's business on a page that is sent."""
    given = {
        "--policy": policy,
        "--partitions": partitions,
        "--tick": tick,
        "--from-day": from_day and from_day.date(),
        "--to-day": to_day and to_day.date(),
        "--out": page,
    }
    options = [text for name, value in given.items() if value is not None for text in (name, str(value))]
    return shlex.join(["homeostat", "report", file, *options])
