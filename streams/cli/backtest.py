"""`homeostat backtest`: the whole pipeline, or one stage, over a file or an archive."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.streams.cli.log_input import load_keys, open_log, show_progress
from homeostat.streams.cli.log_options import FromDay, LogName, MastersFolder, Partitions, TickS, ToDay, TrustFolder
from homeostat.streams.cli.session import out, print_json, settings_of

if TYPE_CHECKING:
    from homeostat.streams.settings import Settings

Policies = Annotated[
    list[Path] | None,
    typer.Option(exists=True, help="Folder or file of policy, releases and rollouts; more than one to compare."),
]
Replicates = Annotated[
    int, typer.Option(min=0, max=100_000, help="Compare: trials of each sort on streams in which nothing changed.")
]
BlockDays = Annotated[
    float, typer.Option(min=1e-6, help="Compare: days drawn together for a history in which nothing changed.")
]
OutFolder = Annotated[Path | None, typer.Option("--out", help="Write what the stages wrote, one dump a topic.")]
REPLICATES = 20
"""Trials of each sort by default: 0 of 20 still leaves room up to 17 %."""


def backtest(
    ctx: typer.Context,
    file: LogName,
    policy: Policies = None,
    partitions: Partitions = None,
    tick: TickS = None,
    one_stage: Annotated[bool, typer.Option("--stage", help="Log of traces.v1: run the leaves only.")] = False,
    trust: TrustFolder = None,
    masters: MastersFolder = None,
    topic: Annotated[str, typer.Option(help="Archive: the topic to read.")] = "traces.v1",
    from_day: FromDay = None,
    to_day: ToDay = None,
    out_folder: OutFolder = None,
    replicates: Replicates = REPLICATES,
    block_days: BlockDays = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Run the pipeline over a file, without Kafka: the same code that runs live, so the same log, the same result.

    Bare traces (one a line or a row) are keyed, authenticated and ticked as a runtime and control would have done,
    with keys of the backtest. A dump of `homeostat log dump`, or an archive of `homeostat archive` and the role
    record, brings its own control records: one of traces.v1 runs through all stages, one of another stage's input
    through that stage. Days of an archive begin to count at the first snapshot that control wrote in them. A policy
    that is given for a log of traces.v1 stands in for the log's own.

    With --policy A --policy B: what each would have alarmed or taken back, and when, with its rate of false rollbacks
    (arms drawn anew) and of false alarms (blocks of the quiet history drawn anew), with intervals.
    """
    settings = settings_of(ctx, keys={"trust_folder": trust, "mac_masters_folder": masters})
    days = (from_day, to_day)
    if policy is not None and len(policy) > 1:
        from homeostat.streams.cli.compare_policies import compare_policies

        compare_policies(file, days, policy, settings, (replicates, block_days, tick), partitions, as_json)
        return
    chosen = policy[0] if policy else None
    found = _run(file, topic, days, chosen, settings, (partitions, tick), one_stage, out_folder)
    if as_json:
        print_json(found)
    else:
        _print_lines(found)


def _run(
    file: str,
    topic: str,
    days: tuple[datetime | None, datetime | None],
    policy: Path | None,
    settings: "Settings",
    bare: tuple[int | None, float | None],
    one_stage: bool,
    out_folder: Path | None,
) -> dict[str, Any]:
    from homeostat.streams.backtest import run

    with show_progress() as show:
        source = open_log(file, topic, days, show)
        if source is None:
            return run.run_traces(Path(file), policy, *bare, out_folder, show)
        if one_stage or run.stage_of(source.head) != "leaf":
            return run.run_stage(source, *load_keys(settings, source.head), out_folder)
        return run.run_log(source, *load_keys(settings, source.head), out_folder, policy)


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
