"""Error rates and delays of the guard over thousands of simulated rollouts: `python -m bench.guard --size full`.

Exit status: 0 when every promise holds, 1 when one does not, 2 for wrong arguments.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.guard.trials import (
    SIZES,
    Line,
    Size,
    at_tolerance,
    at_tolerance_in_one,
    beyond_tolerance,
    canaries,
    differing_tenants,
    harmless,
    pairs_needed,
)

TRIALS: Sequence[Callable[[Size, np.random.Generator], list[Line]]] = (
    at_tolerance,
    at_tolerance_in_one,
    beyond_tolerance,
    harmless,
    differing_tenants,
    canaries,
)
VERDICTS = {True: "pass", False: "FAIL", None: "–"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="full", help="ci: 200 rollouts a line, full: 1,000")
    parser.add_argument("--seed", type=int, default=20260, help="of the simulated rollouts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args(arguments)
    size, rng, began = SIZES[options.size], np.random.default_rng(options.seed), time.perf_counter()
    lines: list[Line] = []
    for trial in TRIALS:
        lines += trial(size, rng)
        print(f"{trial.__name__}: done after {time.perf_counter() - began:.0f} s", file=sys.stderr)
    pairs = pairs_needed(size, rng)
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(draw_lines(lines, size), draw_pairs(pairs))
    passed = all(line.passed is not False for line in lines)
    console.print(
        f"{'all promises held' if passed else 'A PROMISE DID NOT HOLD'}; size {options.size}, seed {options.seed}"
    )
    if options.json:
        figures = {"size": options.size, "seed": options.seed, "passed": passed, "pairs_needed": pairs}
        figures["lines"] = [line._asdict() for line in lines]
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    return 0 if passed else 1


def draw_lines(lines: Sequence[Line], size: Size) -> Table:
    table = Table(
        title=f"6 cohorts × 6 guardrails, α = β = .05, equal shares, looked at after every pair; "
        f"cut off after {size.long_notes} notes ({size.short_notes} beyond tolerance)"
    )
    titles = ("trial", "what", "rollouts", "back", "notes", "promoted", "notes", "pooled", "notes", "limit", "")
    for title in titles:
        table.add_column(title, justify="left" if title in {"trial", "what", "limit", ""} else "right")
    for line in lines:
        table.add_row(
            line.trial,
            line.what,
            f"{line.rollouts}",
            f"{line.rolled_back:.3f}",
            show_notes(line.notes_rolled_back),
            f"{line.promoted:.3f}",
            show_notes(line.notes_promoted),
            f"{line.promoted_pooled:.3f}",
            show_notes(line.notes_promoted_pooled),
            line.limit,
            VERDICTS[line.passed],
        )
    return table


def draw_pairs(pairs: Sequence[dict[str, float | str]]) -> Table:
    table = Table(title="BART_large:full → BioBART:full: pairs until non-inferior in one cohort")
    for title in ("guardrail", "tolerance", "difference", "sd of a pair", "median pairs", "90 %"):
        table.add_column(title, justify="left" if title == "guardrail" else "right")
    for row in pairs:
        table.add_row(
            str(row["guardrail"]),
            f"{row['tolerance']:.2f}",
            f"{row['difference']:+.3f}",
            f"{row['sd']:.3f}",
            f"{row['median_pairs']:.0f}",
            f"{row['p90_pairs']:.0f}",
        )
    return table


def show_notes(notes: float | None) -> str:
    return "–" if notes is None else f"{notes:.0f}"


if __name__ == "__main__":
    sys.exit(main())
