"""A typer group that knows its commands by name and imports one only when it is called."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from homeostat.streams.errors import CommandUnavailable


@dataclass(frozen=True)
class LazyCommand:
    """One line of the command table: its name, where its `app` lives, its help line and its panel."""

    name: str
    module: str
    summary: str
    panel: str


class LazyGroup(TyperGroup):
    """Shows stubs in `--help` and swaps in the real command when it is resolved."""

    table: dict[str, LazyCommand] = {}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command as typer does, then import it. Raises `CommandUnavailable`."""
        name, stub, rest = super().resolve_command(ctx, args)
        if name is None or name not in self.table:
            return name, stub, rest
        return name, _load_command(self.table[name]), rest


def register_lazily(app: typer.Typer, commands: list[LazyCommand]) -> None:
    """Give `app`, whose group class must be a `LazyGroup`, one stub a command."""
    for command in commands:
        LazyGroup.table[command.name] = command
        app.command(command.name, help=command.summary, rich_help_panel=command.panel)(_stub)


def _stub() -> None:
    raise AssertionError("a stub was called instead of its command")


def _load_command(command: LazyCommand) -> Any:
    target = _import_module(command).app
    if not isinstance(target, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(command.name)(target)
        target = app
    loaded = get_command(target)
    loaded.name = command.name
    return loaded


def _import_module(command: LazyCommand) -> ModuleType:
    try:
        return importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        if error.name == command.module:
            raise CommandUnavailable(f"this build has no `homeostat {command.name}`") from None
        raise CommandUnavailable(
            f"`homeostat {command.name}` needs the module {error.name}: "
            "install it with `pip install 'homeostat[broker]'`, or run `make setup` in a clone"
        ) from error
