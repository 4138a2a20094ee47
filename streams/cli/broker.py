"""`homeostat broker`: a real Apache Kafka on this machine, for trials and development."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.errors import BrokerUnavailable
from homeostat.streams.cli.session import err, out

PLAIN_EVERY = 10

app = typer.Typer(help="Start Apache Kafka on this machine, with nothing but Python.", no_args_is_help=True)


@app.callback()
def broker() -> None:
    """Start Apache Kafka on this machine, with nothing but Python.

    One replica, loopback only, no authentication: for trials and development, not for production.
    """


@app.command()
def start(
    data: Annotated[
        Path | None, typer.Option(help="Keep records here over restarts. Without it they end with the command.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="0: the port used before with this --data, else a free one.")
    ] = 9092,
    heap_mib: Annotated[int, typer.Option("--heap", min=128, help="Java heap in MiB.")] = 512,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line when it is ready.")] = False,
) -> None:
    """Start a broker and keep it in the foreground until Ctrl-C or TERM.

    The first start downloads Apache Kafka 4.3 (43 MB, checked against locked SHA-256 sums) into the user's cache
    (HOMEOSTAT_CACHE, else XDG_CACHE_HOME/homeostat, else ~/.cache/homeostat); afterwards no network is needed.
    """
    try:
        with _terminate_as_interrupt():
            _serve(data, port, heap_mib, as_json)
    except KeyboardInterrupt:
        err.print("broker stopped", highlight=False)


def _serve(data: Path | None, port: int, heap_mib: int, as_json: bool) -> None:
    report = FetchReport()
    broker = LocalBroker(data, port=port, heap_mib=heap_mib, progress=report.show)
    err.print("starting Apache Kafka …", highlight=False)
    with closing(broker):
        with report:
            broker.start()
        _announce(broker, data, as_json)
        while not broker.wait(limit_s=3600.0):
            continue
        raise BrokerUnavailable(f"the broker ended by itself. {broker.explain_end()}")


def _announce(broker: LocalBroker, data: Path | None, as_json: bool) -> None:
    facts = {"bootstrap_servers": broker.address, "log_dir": str(broker.log_dir), "pid": broker.pid}
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        return
    out.print(f"bootstrap servers: {broker.address}", highlight=False)
    kept = (
        f"records are kept in {data}" if data is not None else "records end with this command (keep them: --data DIR)"
    )
    err.print(f"{kept}; the broker's logs: {broker.log_dir}; stop with Ctrl-C", highlight=False)
    if broker.address != "127.0.0.1:9092":
        err.print(f"for other commands: export HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS={broker.address}", highlight=False)


class FetchReport:
    """Shows the download of the broker's jars: a bar on a terminal, plain lines elsewhere, nothing if none is due."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def show(self, done: int, total: int, name: str) -> None:
        """Take one step of the download, as `LocalBroker` reports it."""
        if not err.is_terminal:
            if done == 1 or done % PLAIN_EVERY == 0 or done == total:
                err.print(f"fetching Apache Kafka: {done} of {total} jars", highlight=False)
            return
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=err, transient=True)
            self._bar.start()
            self._bar.add_task("fetching Apache Kafka", total=total)
        self._bar.update(self._bar.task_ids[0], completed=done, description=f"fetching {name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Lets TERM stop the command as Ctrl-C does, and Ctrl-C where a shell in the background had it ignored."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
