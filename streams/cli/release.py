"""`homeostat release`: what differs between two releases, and what shaped a trace."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.log_options import FromDay, ToDay
from homeostat.streams.cli.registry_options import AsJson, Bootstrap, Folder, TrustFolder, registry_settings
from homeostat.streams.cli.session import out, print_json, settings_of
from homeostat.streams.errors import SettingsInvalid

if TYPE_CHECKING:
    from homeostat.streams.registry.tell_trace import Explanation

_RELEASE = "A YAML file (FILE, or FILE#NAME where it holds several), a digest or its beginning, or a title."
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Compare two releases; explain which release, artifacts and configuration shaped a trace.",
)


@app.callback()
def release() -> None:
    """Compare two releases; explain which release shaped a trace."""


@app.command()
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(help=_RELEASE)],
    after: Annotated[str, typer.Argument(help="The other one, given in the same ways.")],
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs, artifact by artifact, and which tools, side effects and contracts are gained and lost.

    Exit code 1 where the releases differ, 0 where they are the same.
    """
    from homeostat.detectors.releases.diff import diff_releases
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.registry.open import ReleaseFinder
    from homeostat.streams.registry.tell_diff import change_rows, diff_to_json, name_release, whole_lines

    settings = registry_settings(ctx, bootstrap, trust)
    finder = ReleaseFinder(folder, settings)
    first, second = finder.find(before), finder.find(after)
    found = diff_releases(first, second)
    if as_json:
        print_json(diff_to_json(first, second, found))
    else:
        title = f"{name_release(first)} -> {name_release(second)}"
        if found.artifacts:
            print_table(title, ("kind", "name", "what", "before", "after"), change_rows(found), right=frozenset())
        else:
            out.print(f"{title}: the same artifacts", highlight=False, markup=False)
        for line in whole_lines(found):
            out.print(line, highlight=False, markup=False)
    if first != second:
        raise typer.Exit(ExitCode.FOUND_WRONG)


@app.command()
def explain(
    ctx: typer.Context,
    trace_id: Annotated[str, typer.Argument(help="The id of a trace, of work or of feedback.")],
    archive: Annotated[
        str | None, typer.Option(help="The archive: a folder or URI (default: archive.location).")
    ] = None,
    trust: Annotated[Path | None, typer.Option(help="The installation's trust folder.")] = None,
    from_day: FromDay = None,
    to_day: ToDay = None,
    as_json: AsJson = False,
) -> None:
    """Show every artifact that shaped a trace, its arm, its rollout as it stood then, and the effective configuration.

    All of it as the log of the trace's partition had it before the trace. Documents are checked against the trust
    folder; what the trace says of itself is taken as it stands (a backtest with the MAC masters authenticates it).
    """
    from homeostat.schemas.topics import TRACES
    from homeostat.streams.archive.reader import ArchiveReader
    from homeostat.streams.archive.store import ArchiveStore
    from homeostat.streams.keys import load_trust
    from homeostat.streams.registry.find_trace import find_trace
    from homeostat.streams.registry.tell_trace import Explanation

    settings = settings_of(ctx, keys={"trust_folder": trust}, archive={"location": archive})
    if settings.archive.location is None:
        raise SettingsInvalid("traces are looked up in an archive: give --archive or set archive.location")
    reader = ArchiveReader(ArchiveStore(settings.archive.location), TRACES, _day(from_day), _day(to_day))
    told = Explanation(find_trace(reader, trace_id, load_trust(settings.keys.trust_folder)))
    if as_json:
        print_json(told.to_json())
    else:
        _print(told)


def _print(told: "Explanation") -> None:
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.registry.tell_configuration import setting_rows
    from homeostat.streams.registry.tell_trace import contract_lines

    for line in told.lines():
        _say(line)
    if told.manifest is not None:
        titles = ("kind", "name", "version", "digest", "owner", "may write", "tools called")
        print_table("artifacts", titles, told.artifact_rows(), right=frozenset())
        for line in contract_lines(told.manifest):
            _say(line)
    for tool in told.unknown_tools():
        _say(f"called without being declared by any artifact: {tool}")
    rows = list(setting_rows(told.configuration.effective))
    if rows:
        print_table("effective configuration", ("setting", "value", "from", "may be"), rows, right=frozenset())
    else:
        _say("no override set anything for it")
    _say(f"configuration {told.configuration.digest}")
    for conflict in told.configuration.conflicts:
        _say(f"conflict: {conflict.setting}: {conflict.detail}")


def _day(day: datetime | None) -> str | None:
    return None if day is None else day.date().isoformat()


def _say(line: str) -> None:
    out.print(line, highlight=False, markup=False)
