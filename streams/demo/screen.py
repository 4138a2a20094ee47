"""What a person sees while the demo runs; without a terminal, plain lines as things happen."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from homeostat.schemas.rollout import RolloutPhase
from homeostat.streams.demo.board import Board, CanaryView

_PHASE_STYLE = {
    RolloutPhase.PENDING: "dim",
    RolloutPhase.EXPOSING: "yellow",
    RolloutPhase.PROMOTED: "bold green",
    RolloutPhase.ROLLED_BACK: "bold red",
}
_SHOWN_LINES = 12


class Screen:
    """Renders the board; `live` is False where nobody watches."""

    def __init__(self, console: Console, live: bool) -> None:
        self._console, self._live_wanted = console, live
        self._live: Live | None = None
        self._said = 0
        self.status = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Show until the block ends."""
        if not self._live_wanted:
            yield
            return
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            self._live = live
            yield
        self._live = None

    def say(self, text: str) -> None:
        """A step of the demo itself."""
        self.status = text
        if self._live is None:
            self._console.print(text, highlight=False, markup=False)

    def show(self, board: Board, facts: dict[str, object]) -> None:
        """Draw the board as it is, or print what is new."""
        if self._live is not None:
            self._live.update(self._render(board, facts))
            return
        for _, line in board.lines[self._said :]:
            self._console.print(f"  {line}", highlight=False, markup=False)
        self._said = len(board.lines)

    def _render(self, board: Board, facts: dict[str, object]) -> RenderableType:
        head = Text(self.status, style="bold")
        numbers = Text("   ".join(f"{name} {value}" for name, value in facts.items()), style="cyan")
        news = Text("\n".join(line for _, line in board.lines[-_SHOWN_LINES:]))
        return Group(
            head, numbers, *(_render_canary(view) for view in board.views.values()), Panel(news, title="events")
        )


def _render_canary(view: CanaryView) -> RenderableType:
    table = Table(expand=True, box=None, pad_edge=False)
    for column in ("guardrail", "pairs", "difference", "log₁₀ e harmful", "… strongest cohort", "log₁₀ e not inferior"):
        table.add_column(column, justify="left" if column == "guardrail" else "right")
    for name, together in sorted(view.together.items()):
        cells = [points[-1] for (_, _, guardrail), points in view.points.items() if guardrail == name]
        table.add_row(
            name,
            str(together[-1].pairs),
            f"{together[-1].mean:+.3f}",
            f"{together[-1].harmful / math.log(10):.1f}",
            f"{max(point.harmful for point in cells) / math.log(10):.1f}",
            f"{together[-1].non_inferior / math.log(10):.1f}",
        )
    phase = view.phase
    title = f"{view.canary.title} — [{_PHASE_STYLE.get(phase, 'yellow')}]{phase.value.replace('_', ' ')}[/]"
    return Panel(table, title=title, title_align="left")
