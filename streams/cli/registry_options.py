"""Options that the commands over artifacts, releases and overrides have in common, as annotated types."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path | None, typer.Option(help="Read a folder (or file) of YAML documents, not the broker.")]
Bootstrap = Annotated[str | None, typer.Option(help="host:port of the brokers.")]
TrustFolder = Annotated[Path | None, typer.Option("--trust", help="The installation's trust folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
