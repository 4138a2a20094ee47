"""Delay after a change, as a ratio to an oracle CUSUM at the same declared run length: `python -m bench.delay --full`.

Thresholds of our monitors come from the declaration; rivals are calibrated by simulation. The worst change point
counts.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.delay import leaf
from bench.delay.cases import RUN_LENGTH, all_cases
from bench.delay.picture import draw_lines
from bench.delay.race import SIZES, Line, Race
from homeostat.detectors.statistics import monitor

LEAF_REFERENCES, LEAF_REPEATS = 10, 80


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.delay", description=__doc__)
    parser.add_argument("--full", action="store_true", help="more repeats, and a change at 10,000 as well")
    parser.add_argument("--kind", action="append", help="only cases of this kind (may be repeated)")
    parser.add_argument("--seed", type=int, default=20264, help="of the simulated streams")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw them: .png or .svg")
    parser.add_argument("--head-start", type=float, metavar="RATIO", help="r/A of our monitors, to see what it buys")
    parser.add_argument("--leaf", action="store_true", help="only what runs in a leaf: bound of 200 sessions, 8 bets")
    options = parser.parse_args(arguments)
    if options.leaf:
        print_leaf(leaf.measure(leaf.CHANGES, LEAF_REFERENCES, LEAF_REPEATS, options.seed))
        return 0
    if options.head_start is not None:
        monitor.HEAD_START_RATIO = options.head_start
    size, began = SIZES["full" if options.full else "small"], time.perf_counter()
    lines: list[Line] = []
    for number, case in enumerate(all_cases()):
        if options.kind and case.kind not in options.kind:
            continue
        lines += Race(case, size, np.random.default_rng((options.seed, number))).run()
        print(f"{case.kind}, {case.name}: done after {time.perf_counter() - began:.0f} s", file=sys.stderr)
    Console(width=None if sys.stdout.isatty() else 170).print(tabulate(lines))
    if options.json:
        figures = {"full": options.full, "seed": options.seed, "run_length": RUN_LENGTH}
        rows = [line._asdict() for line in lines]
        options.json.write_text(json.dumps({**figures, "lines": rows}, indent=1, ensure_ascii=False) + "\n")
    if options.plot:
        draw_lines(lines, options.plot)
    return 0


def print_leaf(measured: Sequence[leaf.Measured]) -> None:
    table = Table(title=f"A leaf's monitors: {leaf.REFERENCES} references, run length {leaf.RUN_LENGTH:,.0f} sessions")
    for title in (
        "change",
        "edge of the null",
        "÷ CUSUM from the edge",
        "change at 500",
        "÷ from baseline + tolerance",
    ):
        table.add_column(title, justify="left" if title == "change" else "right")
    for change, edge, (first, later), whole in measured:
        kind = "rate" if change.deviation is None else f"mean, sd {change.deviation:g}"
        name = f"{kind}: {change.before:g} → {change.after:g}"
        table.add_row(name, f"{edge:.3f}", f"{first:.2f}", f"{later:.2f}", f"{whole:.2f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def tabulate(lines: Sequence[Line]) -> Table:
    table = Table(title=f"Delay in observations after a change; declared mean run length {RUN_LENGTH:,.0f}")
    changes = list(lines[0].delays) if lines else []
    for title in (
        "kind",
        "change",
        "detector",
        *(f"at {change}" for change in changes),
        "worst ÷ oracle",
        "÷ floor",
        "run length",
    ):
        table.add_column(title, justify="left" if title in {"kind", "change", "detector"} else "right")
    for line in lines:
        against = " (from bound)" if line.against != "oracle CUSUM" else ""
        table.add_row(
            line.kind,
            line.case,
            line.detector + against,
            *(f"{line.delays[change]:.1f}" for change in changes),
            f"{line.worst:.2f} ± {1.96 * line.error:.2f}",
            "–" if np.isnan(line.floor) else f"{line.floor:.2f}",
            "–" if np.isnan(line.run_length) else f"{line.run_length:,.0f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
