"""What every command shares: the global options, the settings made from them, and the two consoles."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from homeostat.streams.settings import Settings

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


@dataclass(frozen=True)
class GlobalOptions:
    """Options that stand before the command's name."""

    config_path: Path | None = None
    debug: bool = False
    log_level: str | None = None


def settings_of(ctx: typer.Context, **command_line: Any) -> "Settings":
    """Load settings for a command: its own options first, then the environment, the file, the defaults.

    `command_line` is what `load_settings` takes: `kafka={"bootstrap_servers": given_or_none}`.
    """
    from homeostat.streams.settings import load_settings

    options = _options_of(ctx)
    return load_settings(options.config_path, log_level=options.log_level, **command_line)


def config_path_of(ctx: typer.Context) -> Path | None:
    """The settings file that the command line names, or None."""
    return _options_of(ctx).config_path


def _options_of(ctx: typer.Context) -> GlobalOptions:
    return ctx.find_object(GlobalOptions) or GlobalOptions()


def is_watched() -> bool:
    """Tell whether a person looks at standard output: without a terminal commands print plain lines."""
    return out.is_terminal


def print_json(document: Any) -> None:
    """Write one JSON document and a newline to standard output, for `--json`; nothing else may go there then."""
    json.dump(document, sys.stdout, indent=2, sort_keys=True, default=str)
    sys.stdout.write("\n")
