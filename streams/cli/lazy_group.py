"""A typer group that knows its commands by name and imports one only when it is called."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from homeostat.streams.errors import CommandUnavailable


@dataclass(frozen=True)
class LazyCommand:
    """One line of the command table: its name, its module, its help line and its panel.

    The module holds a group, a typer `app`, or a single command, a function of the command's name.
    """

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
    module = _import_module(command)
    target = getattr(module, "app", None) or getattr(module, command.name)
    root = typer.Typer(add_completion=False)
    if isinstance(target, typer.Typer):
        root.add_typer(target, name=command.name)
    else:
        root.command(command.name)(target)
    return get_group(root).commands[command.name]


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
