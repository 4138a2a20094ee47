"""`homeostat backtest`: the whole pipeline, or one stage, over a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeostat.detectors.trust import TrustStore
    from homeostat.streams.backtest.dump_file import DumpHead
    from homeostat.streams.settings import Settings


def backtest(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Traces or a dump: Parquet or JSON lines.")],
    policy: Annotated[
        Path | None, typer.Option(exists=True, help="Bare traces: folder or file of policy, releases and rollouts.")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Bare traces: instead of the policy's.")
    ] = None,
    tick: Annotated[float | None, typer.Option(min=0.001, help="Bare traces: seconds between ticks.")] = None,
    one_stage: Annotated[bool, typer.Option("--stage", help="Dump of traces.v1: run the leaves only.")] = False,
    trust: Annotated[Path | None, typer.Option(help="Dumps: the installation's trust folder.")] = None,
    masters: Annotated[Path | None, typer.Option(help="Dumps of traces.v1: the folder of MAC masters.")] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Write what the stages wrote, one dump a topic.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Run the pipeline over a file, without Kafka: the same code that runs live, so the same file, the same result.

    Bare traces (one a line or a row) are keyed, authenticated and ticked as a runtime and control would have done,
    with keys of the backtest. A dump of `homeostat log dump` brings its own control records: one of traces.v1 runs
    through all stages, one of another stage's input through that stage.
    """
    from homeostat.streams.backtest import run
    from homeostat.streams.backtest.dump_file import read_head

    settings = settings_of(ctx, keys={"trust_folder": trust, "mac_masters_folder": masters})
    head = read_head(file)
    with _show_progress(file) as show:
        if head is None:
            found = run.run_traces(file, policy, partitions, tick, out_folder, show)
        else:
            run_it = run.run_dump if run.stage_of(head) == "leaf" and not one_stage else run.run_stage
            store, secrets = _load_keys(settings, head)
            found = run_it(file, head, store, secrets, out_folder, show)
    if as_json:
        print_json(found)
    else:
        _print_lines(found)


def _load_keys(settings: "Settings", head: "DumpHead") -> "tuple[TrustStore, dict[str, bytes]]":
    from homeostat.schemas.topics import TRACES
    from homeostat.streams.errors import SettingsInvalid
    from homeostat.streams.keys import load_masters, load_trust

    store = load_trust(settings.keys.trust_folder)
    if head.topic != TRACES:
        return store, {}
    if settings.keys.mac_masters_folder is None:
        raise SettingsInvalid("a dump of traces.v1 is authenticated again: give --masters, the folder of MAC masters")
    return store, load_masters(settings.keys.mac_masters_folder)


def _print_lines(found: dict[str, Any]) -> None:
    from homeostat.streams.backtest.findings import say_findings

    if "stage" in found:
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


@contextmanager
def _show_progress(file: Path) -> "Iterator[Callable[[int], None]]":
    from homeostat.streams.backtest.dump_file import count_units

    columns = (TextColumn("running"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress:
        task = progress.add_task("running", total=count_units(file))
        yield lambda done: progress.update(task, completed=done)
