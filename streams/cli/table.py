"""Tables on standard output: fitted to a terminal, wide and plain where nobody watches."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homeostat.streams.cli.session import is_watched, out

PLAIN_WIDTH = 150


def print_table(title: str, titles: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[str]) -> None:
    """One table; the columns in `right` are aligned there. Cells are text, never markup."""
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for name in titles:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    (out if is_watched() else Console(width=PLAIN_WIDTH)).print(table)
