"""`homeostat demo`: a whole installation on this machine, from the first trace to the last acknowledgement."""

from pathlib import Path
from typing import Annotated

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import err, is_watched, out, print_json


def demo(
    kafka: Annotated[bool, typer.Option("--kafka", help="Run on Apache Kafka instead of the embedded broker.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, other visits.")] = 1,
    headless: Annotated[bool, typer.Option("--headless", help="Plain lines even on a terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON on standard output.")] = False,
    folder: Annotated[Path, typer.Option(help="Where logs, keys, summary and picture go.")] = Path(".demo"),
    limit_s: Annotated[float, typer.Option(min=30, help="The run ends after this long, whatever happened.")] = 175.0,
) -> None:
    """Watch three canaries on real clinical-note figures: one is promoted, two are taken back.

    Broker, control, the roles, a gateway and a simulator of six clinics run as processes of this machine. Half of the
    sessions of each cohort get the candidate; guardrails decide with α = β = .05. Notes are figures of ACI-Bench;
    acceptance, latency and arrival times are simulated. Exit status 0 says that what should happen did.
    """
    from homeostat.streams.demo.run import Demo, DemoOptions
    from homeostat.streams.demo.verdict import describe

    console = err if as_json else out
    options = DemoOptions(folder=folder, seed=seed, real_kafka=kafka, limit_s=limit_s)
    summary = Demo(options, console, live=is_watched() and not headless and not as_json).run()
    if as_json:
        print_json(summary)
    else:
        for line in describe(summary):
            out.print(line, highlight=False, markup=False)
        out.print(f"picture of the run: {summary['picture']}; {summary['seconds']} s", highlight=False)
    if not summary["right"]:
        raise typer.Exit(ExitCode.FOUND_WRONG)
