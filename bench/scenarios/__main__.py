"""The repository's scenarios and what is said of them: `python -m bench.scenarios`.

A third of the scenarios, chosen by a keyed hash of the name, is kept for one run at the end: `--held-out` runs these
only, `--all` both. Those of `from_the_docs` have been seen and are never kept. Exit status: 0 when all ran, 2 for wrong
arguments or a file that is no scenario.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.scenarios.held_out import is_held_out
from homeostat.streams.scenarios.read import read_folder
from homeostat.streams.scenarios.run import run_all
from homeostat.streams.scenarios.table import draw_tables, say_result
from homeostat.streams.scenarios.totals import add_up

FOLDER = Path(__file__).parents[2] / "scenarios"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="scenarios to run instead of the repository's")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--held-out", action="store_true", help="the third that is kept for the end")
    which.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args(arguments)
    found = read_folder(options.folder)
    errors = [line for each in found for line in each.errors]
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return 2
    chosen = [
        each.path
        for each in found
        if each.scenario is not None
        and (options.all or is_held_out(each.scenario.name, each.path.parent.name) == options.held_out)
    ]
    began = time.perf_counter()
    results = run_all(chosen, options.jobs, _show)
    total = add_up(results)
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(*draw_tables(results, total))
    print(f"{len(results)} of {len(found)} scenarios in {time.perf_counter() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps({"scenarios": results, "total": total}, indent=2, default=str) + "\n")
    return 0


def _show(result: dict[str, Any]) -> None:
    print(say_result(result), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
