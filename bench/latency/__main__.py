"""From the deciding trace to the gateway's acknowledgement, under steady load: `python -m bench.latency`.

Exit status: 0 for a run that counts, 1 for one that does not, 2 for wrong arguments.
"""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.latency.figures import summarize
from bench.latency.report import print_figures
from bench.latency.run import run
from bench.latency.sizes import SIZES


def main(
    size: Annotated[str, typer.Option(help=f"{', '.join(SIZES)}.")] = "full",
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Traces a second, in place of the size's own.")] = None,
    decisions_per_s: Annotated[float | None, typer.Option(min=0.1, help="In place of the size's own.")] = None,
    seed: Annotated[int, typer.Option(help="Of the load.")] = 1,
) -> None:
    """How long harm takes to be taken back once its evidence is there, on real Kafka."""
    progress, out = Console(stderr=True), Console(width=None if Console().is_terminal else 140)
    chosen = SIZES[size]
    chosen = chosen._replace(
        traces_per_s=rate or chosen.traces_per_s, decisions_per_s=decisions_per_s or chosen.decisions_per_s
    )
    figures = summarize(run(chosen, seed, lambda text: progress.print(text, highlight=False)))
    print_figures(figures, out)
    if json_path is not None:
        json_path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if figures["invalid"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
