"""`homeostat config`: what holds for a tenant, a workflow and a specialty, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.registry_options import AsJson, Bootstrap, Folder, TrustFolder, registry_settings
from homeostat.streams.cli.session import out, print_json

if TYPE_CHECKING:
    from homeostat.streams.registry.tell_configuration import Asked, Told

HELP = """Show the effective configuration of a tenant, and what it refuses.

Documents of the kind override set templates, phrasing, thresholds, tools and
policies for the whole platform, a workflow, a specialty or a tenant, or for
several of these together; `homeostat apply` signs and publishes them.

[bold]What becomes of a setting[/bold] that several documents name
templates, phrasing   the most specific wins (tenant, then specialty, then
                      workflow), unless a wider document holds it fixed
thresholds            the stricter bound of all
allowed_tools, allowed_side_effects   what every document allows
required_tools, requires, never_on    what any document asks for

[bold]An override[/bold]
kind: override
body:
  scope: {tenant: riverside, workflow: visit-note}
  templates: {note: {template: visit-note}}
  thresholds: {unsupported_content: {at_most: 0.02}}
  required_tools: \\[write-draft]
  requires: \\[{contract: note_schema, min_version: 3}]
  never_on: \\[medication_change]
"""
app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP, rich_markup_mode="rich")


@app.callback()
def config() -> None:
    """Show the effective configuration of a tenant; `HELP` is what is shown."""


@app.command()
def effective(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option(help="Whose configuration.")],
    workflow: Annotated[str, typer.Option(help="In which workflow.")],
    specialty: Annotated[str | None, typer.Option(help="In which specialty; none: what holds for every one.")] = None,
    release: Annotated[
        str | None, typer.Option(help="Check this release against it: a file, FILE#NAME, digest or title.")
    ] = None,
    folder: Folder = None,
    bootstrap: Bootstrap = None,
    trust: TrustFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show each value and where it comes from, and the digest that desired states and decisions carry.

    With --release: what the release would break, exit code 4; the sequencer refuses it for this target alone.
    """
    from homeostat.streams.registry.open import ReleaseFinder
    from homeostat.streams.registry.tell_configuration import Asked, tell_configuration

    settings = registry_settings(ctx, bootstrap, trust)
    finder = ReleaseFinder(folder, settings)
    manifest = None if release is None else finder.find(release)
    asked = Asked(tenant, workflow, specialty)
    told = tell_configuration(finder.book.overrides, asked, manifest)
    if as_json:
        print_json(told.to_json())
    else:
        _print(asked, told, release)
    if told.conflicts:
        raise typer.Exit(ExitCode.REFUSED)


def _print(asked: "Asked", told: "Told", release: str | None) -> None:
    from homeostat.streams.cli.table import print_table
    from homeostat.streams.registry.tell_configuration import setting_rows

    whose = " / ".join(tag for tag in asked if tag is not None)
    rows = list(setting_rows(told.effective))
    if rows:
        print_table(whose, ("setting", "value", "from", "may be"), rows, right=frozenset())
    else:
        _say(f"{whose}: no override sets anything")
    _say(f"configuration {told.digest}")
    if told.specialties and asked.specialty is None:
        _say(f"set apart, see --specialty: {', '.join(told.specialties)}")
    if told.switched_off:
        _say(f"switched off at this target: {', '.join(told.switched_off)}")
    for conflict in told.conflicts:
        _say(f"refused: {conflict.setting}: {conflict.detail}")
    if release is not None and not told.conflicts:
        _say(f"{release} fits")


def _say(line: str) -> None:
    out.print(line, highlight=False, markup=False)
