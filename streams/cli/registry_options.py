"""What the commands over artifacts, releases and overrides have in common: options, and the settings made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homeostat.streams.cli.session import settings_of

if TYPE_CHECKING:
    from homeostat.streams.settings import Settings

Folder = Annotated[Path | None, typer.Option(help="Read a folder (or file) of YAML documents, not the broker.")]
Bootstrap = Annotated[str | None, typer.Option(help="host:port of the brokers.")]
TrustFolder = Annotated[Path | None, typer.Option("--trust", help="The installation's trust folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def registry_settings(
    ctx: typer.Context, bootstrap: str | None, trust: Path | None, key: Path | None = None
) -> "Settings":
    """Settings of a command that reads the registry; what it does not believe there is logged to standard error."""
    from homeostat.streams.logging_setup import configure_logging

    keys = {"private_key_path": key, "trust_folder": trust}
    settings = settings_of(ctx, kafka={"bootstrap_servers": bootstrap}, keys=keys)
    configure_logging(settings.log_format, settings.log_level)
    return settings
