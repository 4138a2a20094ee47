"""The `homeostat` command: global options, the table of commands, and how errors leave the process."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from homeostat.schemas.errors import HomeostatError
from homeostat.streams.cli.exit_codes import MEANINGS, ExitCode, exit_code_of
from homeostat.streams.cli.lazy_group import LazyCommand, LazyGroup, register_lazily
from homeostat.streams.cli.session import GlobalOptions, err

LogLevel = Literal["debug", "info", "warning", "error"]
TRY, RUN, OPERATE, BUILD = "Look at it", "Run it", "Operate it", "Build on it"

COMMANDS = [
    LazyCommand(name, f"homeostat.streams.cli.{name}", summary, panel)
    for name, panel, summary in (
        ("demo", TRY, "Watch three canaries on real clinical-note figures: one is promoted, two are taken back."),
        ("backtest", TRY, "Run the whole pipeline over a file of traces, without Kafka."),
        ("scenarios", TRY, "Run declared scenarios, and score what the platform says of them."),
        ("report", TRY, "Write one HTML page of what a log of traces shows, to read, send and print."),
        ("budget", TRY, "Show the budget of false alarms, how it is spent, and what it would notice how soon."),
        ("broker", RUN, "Start Apache Kafka on this machine, with nothing but Python."),
        ("topics", RUN, "Create the topics, or check those of a broker against the table."),
        ("worker", RUN, "Run a role: observe, release, control, record, or all of them."),
        ("gateway", RUN, "Run the reference deployment gateway."),
        ("keys", OPERATE, "Make signing keys and MAC masters."),
        ("apply", OPERATE, "Sign and publish a policy, a release or a rollout."),
        ("registry", OPERATE, "Register artifacts that never change, and resolve releases from them."),
        ("release", OPERATE, "Compare two releases; explain which release shaped a trace."),
        ("rollout", OPERATE, "Plan, watch, steer and score rollouts; stop exposures in an emergency."),
        ("drill", OPERATE, "Prove that a gateway takes a bad release back, and see when it was proven last."),
        ("config", OPERATE, "Show the effective configuration of a tenant, and what it refuses."),
        ("publish", OPERATE, "Send a file of traces as a runtime would."),
        ("log", OPERATE, "Dump a topic to a file that `backtest` reads."),
        ("archive", OPERATE, "Keep topics as Parquet, for backtests that outlive their retention."),
        ("dlq", OPERATE, "List, show and replay dead letters."),
        ("decision", OPERATE, "Explain, export and replay a decision; list the work that a release did."),
        ("audit", OPERATE, "Verify, export, show and prove the log of decisions, approvals and commands."),
        ("contract", BUILD, "Export the messages' JSON Schemas; print registries of signals."),
    )
]

EXAMPLES = """
[bold]Examples[/bold]
  homeostat demo                              [dim]a first look, on an embedded test broker[/dim]
  homeostat broker start --data .kafka        [dim]a real broker, in the foreground[/dim]
  homeostat topics create                     [dim]the topics on it[/dim]
  homeostat worker --role observe             [dim]one process a role[/dim]
  homeostat COMMAND --help                    [dim]what a command does, with its options[/dim]

[bold]Settings[/bold]
  command line, then HOMEOSTAT_* (HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS), then homeostat.toml, then defaults
"""


def _epilog() -> str:
    codes = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
    return f"{EXAMPLES}\n[bold]Exit codes[/bold]\n{codes}"


app = typer.Typer(
    name="homeostat",
    cls=LazyGroup,
    help="Watches clinical AI runtimes on Kafka and takes a harmful release back, by signed command.",
    epilog=_epilog(),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
register_lazily(app, COMMANDS)


@app.callback()
def global_options(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Option(help="A settings file instead of ./homeostat.toml.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    log_level: Annotated[LogLevel | None, typer.Option(help="How much to log.")] = None,
) -> None:
    """Take the options that stand before the command."""
    ctx.obj = GlobalOptions(config_path=config, debug=debug, log_level=log_level)


@app.command(rich_help_panel=BUILD)
def version() -> None:
    """Print the version."""
    typer.echo(installed_version("homeostat"))


def run() -> None:
    """Run the command line of this process and exit with one of the documented codes."""
    sys.exit(run_with(sys.argv[1:]))


def run_with(args: list[str]) -> int:
    """Run one command line and return its exit code; the boundary where errors become one clean line."""
    debugging = "--debug" in args
    try:
        return _status(app(args, prog_name="homeostat", standalone_mode=True))
    except SystemExit as stop:
        return _status(stop.code)
    except HomeostatError as error:
        if debugging:
            raise
        err.print(f"[red]error:[/red] {_escaped(error)}", highlight=False)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debugging:
            raise
        err.print(f"[red]defect:[/red] {type(error).__name__}: {_escaped(error)}", highlight=False)
        err.print("run the same command with --debug before its name, and report what it prints", highlight=False)
        return ExitCode.DEFECT


def _status(value: Any) -> int:
    return value if isinstance(value, int) else ExitCode.OK


def _escaped(error: Exception) -> str:
    return " ".join(str(error).split()).replace("[", r"\[")
