"""`python -m bench.throughput`: run it, print the table, write the figures."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.throughput.contest import TurnFailed, hold_contest
from bench.throughput.report import print_figures, summarize
from bench.throughput.sizes import SIZES
from bench.throughput.turn import SYSTEMS


def main(
    size: Annotated[str, typer.Option(help=f"{', '.join(SIZES)}.")] = "full",
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="In place of the size's own.")] = None,
    systems: Annotated[str, typer.Option(help="Comma-separated, in the order of turns.")] = ",".join(SYSTEMS),
    seed: Annotated[int, typer.Option(help="Of the input.")] = 1,
) -> None:
    """Speed beside peers, on real Kafka, in one run."""
    progress, out = Console(stderr=True), Console(width=None if Console().is_terminal else 200)
    chosen = SIZES[size]
    if rounds is not None:
        chosen = chosen._replace(rounds=rounds, slow_rounds=min(rounds, chosen.slow_rounds))
    try:
        outcome = hold_contest(chosen, systems.split(","), seed, lambda text: progress.print(text, highlight=False))
    except TurnFailed as error:
        progress.print(f"error: {error}", highlight=False, markup=False)
        raise typer.Exit(1) from None
    figures = summarize(outcome)
    print_figures(figures, out)
    if json_path is not None:
        json_path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
