"""`homeostat scenarios`: declared clinics in which something changes, and whether the platform says what it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.session import err, is_watched, out, print_json

if TYPE_CHECKING:
    from homeostat.streams.scenarios.read import Found

HELP = """Run declared scenarios, and score what the platform says of them.

A scenario is one YAML file: clinics, what changes and when, and the truth. docs/scenarios.md is the reference.
"""
Folder = Annotated[Path, typer.Argument(help="A folder of .yaml files (those in its folders too), or one file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=HELP)


@app.callback()
def scenarios() -> None:
    """Run declared scenarios; `HELP` is what is shown."""


@app.command()
def run(
    folder: Folder,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes side by side.")] = 1,
    only: Annotated[str | None, typer.Option(help="Only scenarios whose name contains this.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run every scenario of a folder through the whole platform, and score it.

    Exit code 0 whatever the scores are; 4 where a file is no valid scenario (the others are run and shown all the
    same). The same files give the same scores.
    """
    from homeostat.streams.scenarios.read import read_folder
    from homeostat.streams.scenarios.run import run_all
    from homeostat.streams.scenarios.table import draw_tables, say_result
    from homeostat.streams.scenarios.totals import add_up

    found = read_folder(folder)
    chosen = [each for each in found if each.scenario is not None and (only is None or only in each.scenario.name)]
    _show_errors(found)
    left = len(chosen)

    def show(result: dict[str, Any]) -> None:
        nonlocal left
        left -= 1
        if is_watched() or not as_json:
            err.print(f"{say_result(result)} [dim]({left} to go)[/dim]", highlight=False)

    results = run_all([each.path for each in chosen], jobs, show)
    invalid = [{"file": str(each.path), "errors": list(each.errors)} for each in found if each.errors]
    total = add_up(results)
    if as_json:
        print_json({"scenarios": results, "total": total, "invalid": invalid})
    else:
        for table in draw_tables(results, total):
            out.print(table)
    if invalid:
        raise typer.Exit(ExitCode.REFUSED)


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """Validate scenarios without running them: every error with file, field and what would be right.

    Advice, in yellow, says what may not come out as meant: too little time to learn, a change within tolerance.
    """
    from homeostat.streams.scenarios.advise import advise_author
    from homeostat.streams.scenarios.read import read_folder

    found = read_folder(folder)
    advice = [
        f"{each.path}: {line}" for each in found if each.scenario is not None for line in advise_author(each.scenario)
    ]
    right = [each for each in found if each.scenario is not None]
    if as_json:
        errors = [line for each in found for line in each.errors]
        print_json(
            {"scenarios": [each.scenario.name for each in right if each.scenario], "errors": errors, "advice": advice}
        )
    else:
        _show_errors(found)
        for line in advice:
            err.print(line, style="yellow", markup=False, highlight=False)
        out.print(f"{len(right)} of {len(found)} scenarios are valid", highlight=False)
    if len(right) < len(found):
        raise typer.Exit(ExitCode.REFUSED)


@app.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of a scenario, for editors."""
    from homeostat.streams.scenarios.scenario import Scenario

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema()})


def _show_errors(found: "list[Found]") -> None:
    for each in found:
        for line in each.errors:
            err.print(line, style="red", markup=False, highlight=False)
