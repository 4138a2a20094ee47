"""`homeostat contract`: the messages and topics in forms that other languages read, and the registries of signals."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from homeostat.schemas.registries.catalogue import Runtime
from homeostat.streams.cli.session import out, print_json

app = typer.Typer(
    help="Export the messages' JSON Schemas and the topics' AsyncAPI document; print the registries of signals.",
    no_args_is_help=True,
)


@app.callback()
def contract() -> None:
    """Export the messages' JSON Schemas and the topics' AsyncAPI document; print the registries of signals."""


@app.command()
def export(
    folder: Annotated[Path, typer.Option("--out", help="A folder; files of the same names are replaced.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the paths as JSON.")] = False,
) -> None:
    """Write one JSON Schema (2020-12) a message, and one AsyncAPI 3 document of all topics."""
    from homeostat.streams.contract_folder import write_contract

    paths = write_contract(folder)
    if as_json:
        print_json([str(path) for path in paths])
    else:
        out.print(f"{len(paths)} files in {folder}", highlight=False)


@app.command()
def policy(
    runtime: Annotated[Runtime, typer.Option(help="Whose registry of signals.")] = Runtime.SCRIBE,
) -> None:
    """Print a first policy with a runtime's whole registry, as `homeostat apply` reads it: a file to make your own."""
    from homeostat.streams.documents.first_policy import write_first_policy

    sys.stdout.write(write_first_policy(runtime))


@app.command()
def signals() -> None:
    """Print every runtime's registry of signals as Markdown tables, each signal with its reason."""
    from homeostat.schemas.registries.tables import write_tables

    sys.stdout.write(write_tables())
