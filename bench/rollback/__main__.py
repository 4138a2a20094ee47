"""How often releases are taken back and promoted wrongly, and how many notes harm takes: `python -m bench.rollback`.

Exit status: 0 when both bounds hold, 1 when one does not, 2 for wrong arguments.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from bench.guard.kernel import NEVER
from bench.guard.tables import GUARDRAILS, Floats, build_arms
from bench.guard.trials import ALPHA, BETA, COHORTS, declare_rules
from bench.rollback import rivals, traffic
from homeostat.detectors.statistics.verdict import POOLED_PART

CONTROL = "BART_large:full"
HARMFUL = (
    ("LED", CONTROL, "LED:full"),
    ("dropped sections", "BioBART:division_combined", "BioBART:full"),
    ("BioBART for BART", CONTROL, "BioBART:full"),
)


class Size(NamedTuple):
    """Rollouts a line, sessions of each, and pairs after which a comparison is cut off."""

    rollouts: int
    sessions: int
    pairs: int


SIZES = {"ci": Size(100, 1_500, 1_500), "full": Size(2_000, 4_000, 4_000)}


class Null(NamedTuple):
    """One line at the null: which share of rollouts was taken back and promoted, and the 99 % bounds of α and β.

    `passed`: the largest cohort was shown non-inferior in what is at its tolerance; promotion needs much more.
    """

    worse: str
    rollouts: int
    back: float
    most_back: float
    promoted: float
    passed: float
    most_promoted: float

    @property
    def holds(self) -> bool:
        return self.back <= self.most_back and max(self.promoted, self.passed) <= self.most_promoted


class Race(NamedTuple):
    """One harmful case in a family of so many cohorts: median notes (both arms) by test, and the share taken back."""

    what: str
    cohorts: int
    tolerance: float
    mean: float
    deviation: float
    notes: dict[str, float]
    taken_back: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rollback", description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="full", help="ci: 100 rollouts a line, full: 2,000")
    parser.add_argument("--seed", type=int, default=20261)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args(arguments)
    size, began = SIZES[options.size], time.perf_counter()

    def tell(line: str) -> None:
        print(f"{time.perf_counter() - began:6.0f} s  {line}", file=sys.stderr)

    nulls = []
    for number, worse in enumerate(_list_nulls()):
        nulls.append(_run_null(worse, size, np.random.default_rng((options.seed, number))))
        tell(f"at tolerance, {nulls[-1].worse}: back {nulls[-1].back:.3f}, promoted {nulls[-1].promoted:.3f}")
    races = list(_run_races(size, np.random.default_rng((options.seed, 99))))
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(_draw_nulls(nulls), _draw_races(races))
    if options.json:
        figures = {"size": options.size, "seed": options.seed, "null": [each._asdict() for each in nulls]}
        text = json.dumps({**figures, "harmful": [each._asdict() for each in races]}, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n")
    return 0 if all(each.holds for each in nulls) else 1


def _list_nulls() -> list[tuple[str, ...]]:
    names = tuple(guardrail.name for guardrail in GUARDRAILS)
    return [*((name,) for name in names), names]


def _run_null(worse: tuple[str, ...], size: Size, rng: np.random.Generator) -> Null:
    arms, rules = build_arms(CONTROL, by_source=True), declare_rules(1)
    watched = next(g for g, guardrail in enumerate(GUARDRAILS) if guardrail.name == worse[0])
    found = np.array(
        [
            traffic.judge_rollout(rules, *traffic.draw_pairs(rng, arms, worse, size.sessions), traffic.LOOKS, watched)
            for _ in range(size.rollouts)
        ]
    )
    most = [float(stats.binom.ppf(0.99, size.rollouts, chance) / size.rollouts) for chance in (ALPHA, BETA)]
    back, promoted, passed = (float((found[:, column] != NEVER).mean()) for column in range(3))
    name = worse[0] if len(worse) == 1 else "all guardrails"
    return Null(name, size.rollouts, back, most[0], promoted, passed, most[1])


def _run_races(size: Size, rng: np.random.Generator) -> Iterator[Race]:
    """On the real figures: every guardrail whose mean is worse than its tolerance in the candidate."""
    for name, control, candidate in HARMFUL:
        one, other = build_arms(control), build_arms(candidate, seed=2)
        for g, guardrail in enumerate(GUARDRAILS):
            law = _differences(rng, other.harm[0, :, g], one.harm[0, :, g], (200_000,))
            if law.mean() <= guardrail.tolerance + 0.01:
                continue
            d = _differences(rng, other.harm[0, :, g], one.harm[0, :, g], (size.rollouts, size.pairs))
            for cohorts in (1, COHORTS):
                share = (1.0 - POOLED_PART if cohorts > 1 else 1.0) / (cohorts * len(GUARDRAILS))
                case = rivals.Case(d, guardrail.tolerance, ALPHA * share, float(law.mean()), float(law.std()), law)
                yield _run_race(f"{name}: {guardrail.name}", cohorts, case)


def _run_race(what: str, cohorts: int, case: rivals.Case) -> Race:
    pairs = {test: run(case) for test, run in rivals.TESTS.items()}
    return Race(
        what,
        cohorts,
        case.tolerance,
        case.mean,
        case.deviation,
        {test: 2.0 * float(np.median(found)) for test, found in pairs.items()},
        {test: float(np.isfinite(found).mean()) for test, found in pairs.items()},
    )


def _differences(rng: np.random.Generator, candidate: Floats, control: Floats, shape: tuple[int, ...]) -> Floats:
    return np.asarray(rng.choice(candidate, shape) - rng.choice(control, shape))


def _draw_nulls(nulls: Sequence[Null]) -> Table:
    table = Table(title=f"Exactly at tolerance: 6 unequal cohorts × 6 guardrails, {traffic.LOOKS} looks, α = β = .05")
    for title in (
        "worse by its tolerance",
        "rollouts",
        "taken back",
        "99 % of α",
        "promoted",
        "cell passed",
        "99 % of β",
        "",
    ):
        table.add_column(title, justify="left" if title in {"worse by its tolerance", ""} else "right")
    for each in nulls:
        bounds = f"{each.most_back:.3f}", f"{each.most_promoted:.3f}"
        rates = f"{each.back:.4f}", bounds[0], f"{each.promoted:.4f}", f"{each.passed:.4f}", bounds[1]
        table.add_row(each.worse, f"{each.rollouts}", *rates, "holds" if each.holds else "BROKEN")
    return table


def _draw_races(races: Sequence[Race]) -> Table:
    table = Table(
        title="Harmful: median notes of both arms until taken back (share taken back), and over the best SPRT"
    )
    for title in ("release and guardrail", "τ", "worse by", "sd", *rivals.TESTS, "ours ÷ best SPRT"):
        table.add_column(title, justify="left" if title.startswith("release") else "right")
    for race in races:
        shown = [
            f"{race.notes[test]:.0f} ({race.taken_back[test]:.2f})" if math.isfinite(race.notes[test]) else "–"
            for test in rivals.TESTS
        ]
        ratio = race.notes["ours"] / race.notes["best SPRT"]
        size = f"{race.cohorts}", f"{race.tolerance:g}", f"{race.mean:+.3f}", f"{race.deviation:.3f}"
        table.add_row(race.what, *size, *shown, f"{ratio:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
