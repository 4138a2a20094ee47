"""`homeostat publish`: a file of traces, sent as a runtime would send them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import err, is_watched, out, print_json, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeostat.streams.client.file_sender import FileSender, FindKey
    from homeostat.streams.settings import KafkaSettings, Settings
    from homeostat.streams.trace_file import Line

SHOWN_REFUSALS = 10


def publish(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="JSON lines, one trace a line.")],
    tenant_key: Annotated[
        list[Path] | None, typer.Option(help="A file of `homeostat keys tenant`; repeat it for several tenants.")
    ] = None,
    masters: Annotated[
        Path | None, typer.Option(help="The folder of MAC masters instead: for trials, it can speak for every tenant.")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(help="host:port of the brokers.")] = None,
    runtime: Annotated[str, typer.Option(help="The name under which this publisher reports.")] = "file",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Send the traces of a file: checked, authenticated under their tenant's key, work tokens issued anew.

    Exit 1 if any line was refused or could not be sent; the first refused lines are named on standard error.
    """
    from homeostat.streams.client.file_sender import FileSender

    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys={"mac_masters_folder": masters})
    find_key = _key_finder(settings, tenant_key or [])
    _require_topic(settings.kafka)
    with FileSender(settings.kafka, find_key, runtime) as sender:
        _send_lines(sender, file)
    sent, dropped, tenants = sender.count()
    if as_json:
        print_json({"sent": sent, "dropped": dropped, "tenants": tenants})
    else:
        lost = ", ".join(f"{number} {reason}" for reason, number in sorted(dropped.items())) or "none"
        out.print(f"sent {sent} traces of {tenants} tenants; dropped: {lost}", highlight=False)
    if dropped:
        raise typer.Exit(ExitCode.FOUND_WRONG)


def _send_lines(sender: "FileSender", file: Path) -> None:
    from homeostat.schemas.errors import PoisonRecord
    from homeostat.streams.trace_file import read_trace_file

    refused = 0
    with _show_progress(file) as show:
        for line in read_trace_file(file):
            try:
                _send_line(sender, line)
            except PoisonRecord as error:
                refused += 1
                if refused <= SHOWN_REFUSALS:
                    err.print(f"{file}:{line.number}: {error}", highlight=False, markup=False)
            show(line.end_bytes)
    if refused > SHOWN_REFUSALS:
        err.print(f"… and {refused - SHOWN_REFUSALS} more refused lines", highlight=False)


def _send_line(sender: "FileSender", line: "Line") -> None:
    if line.trace is not None:
        sender.send(line.trace)
    elif line.refusal is not None:
        sender.refuse(line.refusal.reason)
        raise line.refusal


def _key_finder(settings: "Settings", paths: list[Path]) -> "FindKey":
    from pydantic import SecretStr

    from homeostat.schemas.mac import derive_tenant_key
    from homeostat.streams.client.tenant_key import TenantKey
    from homeostat.streams.errors import SettingsInvalid
    from homeostat.streams.keys import load_masters

    if paths:
        keys = {key.tenant: key for key in map(TenantKey.load, paths)}
        return keys.get
    folder = settings.keys.mac_masters_folder
    if folder is None:
        raise SettingsInvalid("traces need their tenant's key: give --tenant-key, or --masters for a trial")
    master_id, master = max(load_masters(folder).items())
    return lambda tenant: TenantKey(
        tenant=tenant, master_id=master_id, key=SecretStr(derive_tenant_key(master, tenant).hex())
    )


def _require_topic(kafka: "KafkaSettings") -> None:
    from confluent_kafka.admin import AdminClient

    from homeostat.infra.topics.check import describe_cluster_topics
    from homeostat.schemas.errors import TopicsUnfit
    from homeostat.schemas.topics import TRACES
    from homeostat.streams.kafka_config import client_config

    if TRACES not in describe_cluster_topics(AdminClient({**client_config(kafka), "log_level": 0})):
        raise TopicsUnfit(f"{TRACES} does not exist on {kafka.bootstrap_servers}: run `homeostat topics create`")


@contextmanager
def _show_progress(file: Path) -> "Iterator[Callable[[int], None]]":
    columns = (TextColumn("sending"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not is_watched(), transient=True) as progress:
        task = progress.add_task("sending", total=file.stat().st_size)
        yield lambda done_bytes: progress.update(task, completed=done_bytes)
