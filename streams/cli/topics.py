"""`homeostat topics`: make the topics of the table, or compare them with a broker."""

import logging
from typing import Annotated

import typer
from confluent_kafka.admin import AdminClient
from rich.table import Table

from homeostat.infra.topics.check import Drift, Severity, check_topics
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import ALL_TOPICS, DEFAULT_PARTITIONS, Platform
from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of
from homeostat.streams.kafka_config import client_config

app = typer.Typer(help="Create the topics, or check those of a broker against the table.", no_args_is_help=True)

Bootstrap = Annotated[
    str | None, typer.Option(help="Bootstrap servers; else HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS, homeostat.toml.")
]
Partitions = Annotated[int, typer.Option(min=1, help="Of a stage's input and state topic; fixed for life.")]
Replication = Annotated[int, typer.Option(min=1, help="Replicas of each partition, at least; 3 in production.")]
MinInsync = Annotated[
    int | None, typer.Option("--min-isr", min=1, help="min.insync.replicas, at least; else 2 of 3 replicas, or 1.")
]
LimitS = Annotated[float, typer.Option("--limit-s", min=1.0, help="How long to wait for the broker, seconds.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


@app.command()
def create(
    ctx: typer.Context,
    bootstrap: Bootstrap = None,
    partitions: Partitions = DEFAULT_PARTITIONS,
    replication: Replication = 1,
    min_isr: MinInsync = None,
    limit_s: LimitS = 30.0,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing, then check all; existing ones stay as they are. Exit 1 if any differs."""
    admin = _connect(ctx, bootstrap)
    platform = Platform(partitions, replication, min_isr)
    created = create_topics(admin, platform=platform, limit_s=limit_s)
    drifts = check_topics(admin, platform=platform, limit_s=limit_s)
    if not as_json:
        present = len(ALL_TOPICS) - len(created)
        out.print(f"created {len(created)} topics, {present} were there already", highlight=False)
    _report(drifts, as_json, created=created)


@app.command()
def check(
    ctx: typer.Context,
    bootstrap: Bootstrap = None,
    partitions: Partitions = DEFAULT_PARTITIONS,
    replication: Replication = 1,
    min_isr: MinInsync = None,
    limit_s: LimitS = 30.0,
    as_json: AsJson = False,
) -> None:
    """Compare every topic with the table: partitions, clean-up, retention, timestamps, replicas, sizes.

    Exit 1 if any differs. An `error` loses, misplaces or misdates records, and workers refuse to start on it.
    """
    admin = _connect(ctx, bootstrap)
    drifts = check_topics(admin, platform=Platform(partitions, replication, min_isr), limit_s=limit_s)
    _report(drifts, as_json)


def _connect(ctx: typer.Context, bootstrap: str | None) -> AdminClient:
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}).kafka
    # the library's own lines of refused connections would bury the one line that says what to do
    silent = logging.getLogger("homeostat.librdkafka")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return AdminClient(client_config(settings), logger=silent)


def _report(drifts: list[Drift], as_json: bool, created: list[str] | None = None) -> None:
    if as_json:
        document = {"drift": [drift._asdict() for drift in drifts]}
        print_json(document if created is None else {"created": created, **document})
    elif not drifts:
        out.print(f"all {len(ALL_TOPICS)} topics are as the table says", highlight=False)
    elif is_watched():
        out.print(_draw(drifts))
    else:
        for d in drifts:
            out.print(
                f"{d.severity.value}: {d.topic}: {d.setting}: expected {d.expected}, found {d.found}", markup=False
            )
    if drifts:
        errors = sum(drift.severity is Severity.ERROR for drift in drifts)
        err.print(f"{errors} errors, {len(drifts) - errors} warnings", highlight=False)
        raise typer.Exit(ExitCode.FOUND_WRONG)


def _draw(drifts: list[Drift]) -> Table:
    table = Table("topic", "setting", "expected", "found", "severity")
    for drift in drifts:
        colour = "red" if drift.severity is Severity.ERROR else "yellow"
        table.add_row(*drift[:4], f"[{colour}]{drift.severity.value}[/]")
    return table
