"""The trials: which world, how it is judged, and the line of the report that comes of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from bench.guard.kernel import EVEN, NEVER, NONE, RARE, Rules, World, pairs_to_non_inferior, run_rollouts
from bench.guard.tables import GUARDRAILS, Arms, build_arms
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.verdict import POOLED_PART, equal_shares

COHORTS = 6
ALPHA = BETA = 0.05
SHAPES = {"even": EVEN, "rare": RARE}
CONTROL = "BART_large:full"
NAMES = [g.name for g in GUARDRAILS]


class Size(NamedTuple):
    """How many rollouts a line, and notes over all cohorts and arms after which each is cut off."""

    rollouts: int
    long_notes: int
    short_notes: int = 2000


SIZES = {"ci": Size(200, 4000), "full": Size(1000, 12000)}


class Line(NamedTuple):
    """One line of the report; `passed` None where nothing was promised. Shares of rollouts, notes over all cohorts.

    `promoted`: every guardrail non-inferior in every cohort; `promoted_pooled`: in the six cohorts as one declared
    stratum, which assumes the same effect in all of them.
    """

    trial: str
    what: str
    rollouts: int
    rolled_back: float
    promoted: float
    promoted_pooled: float
    notes_rolled_back: float | None
    notes_promoted: float | None
    notes_promoted_pooled: float | None
    limit: str
    passed: bool | None


def declare_rules(max_notes: int) -> Rules:
    """Everything that is fixed before a rollout starts: six cohorts, all guardrails, equal shares."""
    stakes = [guard_stakes(g.tolerance) for g in GUARDRAILS]
    return Rules(
        np.array([harmful for harmful, _ in stakes]),
        np.array([non_inferior for _, non_inferior in stakes]),
        np.array([g.tolerance for g in GUARDRAILS]),
        equal_shares(COHORTS, len(GUARDRAILS)),
        ALPHA,
        BETA,
        POOLED_PART,
        0.5,
        max_notes,
    )


def build_world(control: Arms, effects: dict[str, float], shape: str = "even", candidate: Arms | None = None) -> World:
    """Give a world whose candidate is worse by exactly `effects` (harm, by guardrail) in every style."""
    served = candidate or control
    code, amount = np.full(len(GUARDRAILS), NONE), np.zeros((len(control.rows), len(GUARDRAILS)))
    for g, guardrail in enumerate(GUARDRAILS):
        if guardrail.name in effects:
            code[g] = RARE if guardrail.binary else SHAPES[shape]
            for style in range(len(control.rows)):
                amount[style, g] = effects[guardrail.name] / (1.0 - served.mean(style)[g])
    if amount.max(initial=0.0) > 1.0:
        raise ValueError("an effect beyond the end of the scale")
    return World(control.harm, control.rows, served.harm, served.rows, code, amount)


def same_style(rollouts: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.zeros((rollouts, 2, COHORTS), np.int64)


def summarise(
    trial: str,
    what: str,
    results: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    *,
    most_rolled_back: float | None = None,
    most_promoted: float | None = None,
    least_rolled_back: float | None = None,
    homogeneous: bool = True,
) -> Line:
    """Make a line of results [rollout, 4] of `run_rollouts`, and judge it.

    Where cohorts are not `homogeneous` nothing is promised for promotion by a pooled stratum.
    """
    n = len(results)
    harmed, promoted = results[:, 0] != NEVER, results[:, 1] != NEVER
    limits, passed = [], []
    pooled = results[:, 2] != NEVER
    for share, most, name in (
        (harmed.mean(), most_rolled_back, "back"),
        (max(promoted.mean(), pooled.mean() if homogeneous else 0.0), most_promoted, "promoted"),
    ):
        if most is not None:
            bound = stats.binom.ppf(0.99, n, most) / n
            limits.append(f"{name} ≤ {bound:.3f}")
            passed.append(share <= bound)
    if least_rolled_back is not None:
        limits.append(f"back ≥ {least_rolled_back:.2f}")
        passed.append(harmed.mean() >= least_rolled_back)
    return Line(
        trial,
        what,
        n,
        float(harmed.mean()),
        float(promoted.mean()),
        float(pooled.mean()),
        _median(results[:, 0]),
        _median(results[:, 1]),
        _median(results[:, 2]),
        ", ".join(limits),
        bool(all(passed)) if passed else None,
    )


def _median(notes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float | None:
    """Median over all rollouts, those that never ended counting as longest; None when that is half of them."""
    filled = np.where(notes == NEVER, math.inf, notes.astype(float))
    value = float(np.median(filled))
    return value if math.isfinite(value) else None


def list_cases() -> list[tuple[str, dict[str, float], str]]:
    """Each guardrail by itself exactly at tolerance, in both shapes: name, effects, shape."""
    cases: list[tuple[str, dict[str, float], str]] = []
    for g in GUARDRAILS:
        shapes: Sequence[str] = ("rare",) if g.binary else ("even", "rare")
        cases += [(f"{g.name}, {shape}", {g.name: g.tolerance}, shape) for shape in shapes]
    return cases


def at_tolerance(size: Size, rng: np.random.Generator) -> list[Line]:
    """Effect exactly at tolerance in all cohorts: least favourable for taking back when all guardrails are there."""
    control = build_arms(CONTROL)
    cases = list_cases()
    every = {g.name: g.tolerance for g in GUARDRAILS}
    cases += [(f"all guardrails, {shape}", every, shape) for shape in SHAPES]
    lines = []
    for what, effects, shape in cases:
        world = build_world(control, effects, shape)
        results = run_rollouts(rng, world, declare_rules(size.long_notes), same_style(size.rollouts), False)
        lines.append(summarise("at tolerance", what, results, most_rolled_back=ALPHA, most_promoted=BETA))
    return lines


def at_tolerance_in_one(size: Size, rng: np.random.Generator) -> list[Line]:
    """Effect exactly at tolerance in one guardrail of one cohort: least favourable for promotion."""
    once = build_arms(CONTROL)
    control = Arms(np.repeat(once.harm, 2, axis=0), np.repeat(once.rows, 2))
    styles = same_style(size.rollouts)
    styles[:, 1, 0] = 1
    lines = []
    for what, effects, shape in list_cases():
        world = build_world(control, effects, shape)
        world.amount[0] = 0.0
        results = run_rollouts(rng, world, declare_rules(size.long_notes), styles, False)
        lines.append(
            summarise("in one cohort", what, results, most_rolled_back=ALPHA, most_promoted=BETA, homogeneous=False)
        )
    return lines


def beyond_tolerance(size: Size, rng: np.random.Generator) -> list[Line]:
    """Effect of tolerance + 1 standard deviation of the guardrail's own signal, in one guardrail at a time."""
    control = build_arms(CONTROL)
    deviations = control.harm[0].std(axis=0)
    lines = []
    for g, guardrail in enumerate(GUARDRAILS):
        effect = guardrail.tolerance + float(deviations[g])
        world = build_world(control, {guardrail.name: effect})
        results = run_rollouts(rng, world, declare_rules(size.short_notes), same_style(size.rollouts), True)
        what = f"{guardrail.name} worse by {effect:.3f}"
        lines.append(summarise("tolerance + 1 sd", what, results, most_promoted=BETA, least_rolled_back=0.95))
    return lines


def harmless(size: Size, rng: np.random.Generator) -> list[Line]:
    """An identical release."""
    world = build_world(build_arms(CONTROL), {})
    results = run_rollouts(rng, world, declare_rules(size.long_notes), same_style(size.rollouts), False)
    return [summarise("harmless", "identical release", results, most_rolled_back=ALPHA)]


def canaries(size: Size, rng: np.random.Generator) -> list[Line]:
    """The demo's three, on the real figures of both releases."""
    lines = []
    for control, candidate in (
        (CONTROL, "BioBART:full"),
        (CONTROL, "LED:full"),
        ("BioBART:division_combined", "BioBART:full"),
    ):
        world = build_world(build_arms(control), {}, candidate=build_arms(candidate, seed=2))
        results = run_rollouts(rng, world, declare_rules(size.long_notes), same_style(size.rollouts), True)
        lines.append(summarise("canary", f"{control} → {candidate}", results))
    return lines


def differing_tenants(size: Size, rng: np.random.Generator) -> list[Line]:
    """Tenants differ by as much as the ways of recording do; the release does nothing, or is exactly at tolerance.

    The last line gives candidate and control to whole tenants instead: what the split of sessions inside a cohort is
    for. Nothing is promised for it.
    """
    arms = build_arms(CONTROL, by_source=True)
    rules = declare_rules(size.long_notes)
    weights = arms.rows / arms.rows.sum()
    draws = rng.choice(len(arms.rows), (size.rollouts, 2, COHORTS), p=weights)
    inside = np.repeat(draws[:, :1], 2, axis=1)
    tolerances = {g.name: g.tolerance for g in GUARDRAILS}
    same, worse = build_world(arms, {}), build_world(arms, tolerances)
    name = "tenants differ"
    return [
        summarise(name, "identical release", run_rollouts(rng, same, rules, inside, False), most_rolled_back=ALPHA),
        summarise(
            name,
            "all guardrails at tolerance",
            run_rollouts(rng, worse, rules, inside, False),
            most_rolled_back=ALPHA,
            most_promoted=BETA,
        ),
        summarise(name, "whole tenants against others", run_rollouts(rng, same, rules, draws, False)),
    ]


def pairs_needed(size: Size, rng: np.random.Generator, candidate: str = "BioBART:full") -> list[dict[str, float | str]]:
    """Pairs one cohort needs before each guardrail is non-inferior: difference, its deviation, median, 90 %.

    Yield is taken as in the demo, where every session gives a note.
    """
    control, served = build_arms(CONTROL), build_arms(candidate, seed=2)
    g_yield = NAMES.index("yield")
    control.harm[..., g_yield] = served.harm[..., g_yield] = 0.0
    world = build_world(control, {}, candidate=served)
    found = pairs_to_non_inferior(rng, world, declare_rules(1), size.rollouts, size.long_notes).astype(float)
    found[found == NEVER] = math.inf
    return [
        {
            "guardrail": name,
            "tolerance": GUARDRAILS[g].tolerance,
            "difference": float(served.mean(0)[g] - control.mean(0)[g]),
            "sd": float(np.hypot(served.harm[0, :, g].std(), control.harm[0, :, g].std())),
            "median_pairs": float(np.median(found[:, g])),
            "p90_pairs": float(np.quantile(found[:, g], 0.9, method="higher")),
        }
        for g, name in enumerate(NAMES)
    ]
