"""False alarms used ÷ declared on streams without a change: `python -m bench.null --full`.

The leaf's world, engine and kernel and the parents' step run over rows; thresholds come from the declaration. At the
edge a stream's mean sits at the null that its own sealed reference gave; intervals are exact for a Poisson count.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.null import platform, report, scenarios


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.null", description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="2,000 cohorts a stream, twice; a platform of 2,000 tenants"
    )
    parser.add_argument("--cohorts", type=int, help="instead of the size's cohorts")
    parser.add_argument("--tenants", type=int, help="instead of the size's tenants; 0 for no platform")
    parser.add_argument("--repeats", type=int, help="instead of the size's repeats, of streams and platform")
    parser.add_argument("--weeks", type=int, help="instead of four, of streams")
    parser.add_argument("--only", action="append", metavar="WORD", help="only streams with this word (may be repeated)")
    parser.add_argument("--seed", type=int, default=20264)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args(arguments)
    name, began = "full" if options.full else "small", time.perf_counter()

    def tell(line: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s  {line}", file=sys.stderr)

    size = scenarios.SIZES[name]._replace(
        **_given(cohorts=options.cohorts, repeats=options.repeats, weeks=options.weeks)
    )
    chosen = [(number, each) for number, each in enumerate(scenarios.SCENARIOS) if _is_wanted(each, options.only)]
    rows = [scenarios.run_scenario(each, size, options.seed + number, tell) for number, each in chosen]
    ground = platform.SIZES[name]._replace(**_given(tenants=options.tenants, repeats=options.repeats))
    found = platform.run_platform(ground, options.seed, tell) if ground.tenants else None
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(report.tabulate_streams(rows))
    if found is not None:
        console.print(report.tabulate_platform(found))
    if options.json:
        figures = {"full": options.full, "seed": options.seed, **report.as_json(rows, found)}
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    for line in (failed := list(report.broken(rows))):
        console.print(f"BROKEN: {line}")
    return 1 if failed else 0


def _given(**fields: int | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _is_wanted(scenario: scenarios.Scenario, words: Sequence[str] | None) -> bool:
    return not words or any(word in f"{scenario.name}, {scenario.variant}" for word in words)


if __name__ == "__main__":
    sys.exit(main())
