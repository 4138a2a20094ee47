"""The changes that are raced: what flows before and after, what the oracle knows, how each monitor is declared."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from bench.delay import focus
from bench.delay.chains import ROWS, SKIPPED, chain_ratios, chain_score, draw_chain, rows
from bench.delay.floor import Statistic, referenced_statistic, run_union, sphere_statistic
from bench.delay.measure import FirstAlarm, first_alarm
from bench.delay.oracle import NEVER, Draw, Floats
from homeostat.detectors.statistics.baseline_bound import session_rate_bounds, upper_bound
from homeostat.detectors.statistics.cells import CellMonitor
from homeostat.detectors.statistics.effects import divergence, rate_alternatives
from homeostat.detectors.statistics.monitor import HEAD_START_RATIO, Monitor
from homeostat.detectors.statistics.monitors.binary import BinaryMonitor
from homeostat.detectors.statistics.monitors.bounded import BoundedMonitor
from homeostat.detectors.statistics.monitors.categorical import CategoricalMonitor
from homeostat.detectors.statistics.monitors.count import CountMonitor
from homeostat.detectors.statistics.monitors.embedding import EmbeddingMonitor
from homeostat.detectors.statistics.monitors.positive import PositiveMonitor
from homeostat.detectors.statistics.monitors.referenced import ReferencedMonitor
from homeostat.detectors.statistics.monitors.spread import SpreadMonitor
from homeostat.detectors.statistics.monitors.transitions import TransitionMonitor
from homeostat.schemas.signal import Direction

Score = Callable[[Floats], Floats]
RUN_LENGTH = 1e4
_MOST_COUNT = 400
UP, DOWN, BOTH = Direction.UP, Direction.DOWN, Direction.BOTH


class Edge(NamedTuple):
    """What lies at an edge of the null: the monitor that declares it, the oracle's score from it, a null with it."""

    monitor: Monitor
    score: Score
    null: Draw


class Case(NamedTuple):
    """One change. `score`: the oracle's log-likelihood ratios; `known`: the monitor with the true baseline, by name.

    `fit`: models from a sample, to be ranked; `bound`: the edge of the null from a reference, and `at_edge`: monitor,
    oracle's score and null there;
    `against`: the first alarm of a reference and the stream together, `against_size`: the statistic of who knows the
    size as well; `floor`: of the detector that knows all but which index has moved (`bench.delay.floor`);
    `family`, `as_number`: for FOCuS and River's detectors; `parametric`: scores of an oracle that knows both whole
    distributions, where `score` is held to the same null as the monitor.
    """

    kind: str
    name: str
    before: Draw
    after: Draw
    score: Score
    known: dict[str, Monitor]
    fit: Callable[[Floats], tuple[CellMonitor, ...]] | None = None
    bound: Callable[[Floats], float] | None = None
    at_edge: Callable[[float], Edge] | None = None
    family: focus.Family | None = None
    as_number: Score | None = None
    parametric: Score | None = None
    floor: Statistic | None = None
    against: Callable[[Floats], FirstAlarm] | None = None
    against_size: Callable[[Floats], Statistic] | None = None


def same(xs: Floats) -> Floats:
    return xs


def rates(before: float, after: float) -> Case:
    side, sign = (UP, 1) if after > before else (DOWN, -1)
    effect = 2.0 * abs(math.asin(math.sqrt(after)) - math.asin(math.sqrt(before)))

    def from_edge(edge: float) -> Score:
        hit, miss = math.log(after / edge), math.log((1.0 - after) / (1.0 - edge))
        return lambda xs: np.where(xs > 0.5, hit, miss)

    def at_edge(edge: float) -> Edge:
        return Edge(
            BinaryMonitor(edge, RUN_LENGTH, side), from_edge(edge), lambda rng, n: (rng.random(n) < edge).astype(float)
        )

    return Case(
        "binary",
        f"rate {before:g} → {after:g}",
        lambda rng, n: (rng.random(n) < before).astype(float),
        lambda rng, n: (rng.random(n) < after).astype(float),
        from_edge(before),
        {"one side": BinaryMonitor(before, RUN_LENGTH, side), "both sides": BinaryMonitor(before, RUN_LENGTH)},
        lambda values: BinaryMonitor.fitted(values, RUN_LENGTH, side),
        lambda values: rate_edge_of(values, sign),
        at_edge,
        focus.Family(focus.BERNOULLI, before, sign),
        same,
        against=lambda values: alarm_of(ReferencedMonitor(int(values.sum()), values.size, RUN_LENGTH, side)),
        against_size=lambda values: referenced_statistic(
            values, effect, up=side is UP, head_start=HEAD_START_RATIO * RUN_LENGTH
        ),
    )


def rate_edge_of(values: Floats, sign: int) -> float:
    """The bound of a baseline's rate on the harmful side, at δ = .01."""
    return session_rate_bounds(values, 0.01)[1 if sign > 0 else 0]


def means(before: float, after: float, deviation: float) -> Case:
    """A bounded mean: beta distributions of one standard deviation; ranked with the bets of positive values."""
    laws = [stats.beta(*beta_of(mean, deviation)) for mean in (before, after)]
    sample = laws[1].rvs(10_000, random_state=1)

    def from_edge(edge: float) -> Score:
        best = optimize.minimize_scalar(
            lambda stake: -float(np.log1p(stake * (sample - edge)).mean()),
            (0.0, 1.0),
            (0.0, 0.999 / edge),
            method="bounded",
        )
        return lambda xs: np.log1p(float(best.x) * (xs - edge))

    def at_edge(edge: float) -> Edge:
        law = stats.beta(*beta_of(edge, deviation))
        monitor = BoundedMonitor(edge, RUN_LENGTH, UP, spread=deviation)
        return Edge(monitor, from_edge(edge), lambda rng, n: law.rvs(n, random_state=rng))

    return Case(
        "bounded",
        f"mean {before:g} → {after:g}, sd {deviation:g}",
        lambda rng, n: laws[0].rvs(n, random_state=rng),
        lambda rng, n: laws[1].rvs(n, random_state=rng),
        from_edge(before),
        {
            "one side": BoundedMonitor(before, RUN_LENGTH, UP, spread=deviation),
            "both sides": BoundedMonitor(before, RUN_LENGTH, spread=deviation),
        },
        lambda values: PositiveMonitor.fitted(values, RUN_LENGTH, UP),
        lambda values: upper_bound(values, 0.01),
        at_edge,
        focus.Family(focus.GAUSSIAN, 0.0, 1),
        lambda xs: (xs - before) / deviation,
        lambda xs: laws[1].logpdf(xs) - laws[0].logpdf(xs),
    )


def beta_of(mean: float, deviation: float) -> tuple[float, float]:
    size = mean * (1.0 - mean) / deviation**2 - 1.0
    return mean * size, (1.0 - mean) * size


def medians(sigma: float, factor: float) -> Case:
    shift = math.log(factor) / sigma
    return Case(
        "positive",
        f"log-normal σ {sigma:g}, × {factor:g}",
        lambda rng, n: 6.0 * np.exp(sigma * rng.standard_normal(n)),
        lambda rng, n: 6.0 * factor * np.exp(sigma * rng.standard_normal(n)),
        lambda xs: shift * np.log(xs / 6.0) / sigma - shift**2 / 2.0,
        {
            "one side": PositiveMonitor.log_normal(6.0, sigma, RUN_LENGTH, UP),
            "both sides": PositiveMonitor.log_normal(6.0, sigma, RUN_LENGTH),
        },
        lambda values: PositiveMonitor.fitted(values, RUN_LENGTH, UP),
        None,
        None,
        focus.Family(focus.GAUSSIAN, 0.0, 1),
        lambda xs: np.log(xs / 6.0) / sigma,
    )


def counts(before: float, after: float, dispersion: float) -> Case:
    values = np.arange(_MOST_COUNT + 1)
    ratios = log_mass(values, after, dispersion) - log_mass(values, before, dispersion)
    return Case(
        "count",
        f"mean {before:g} → {after:g}, φ {dispersion:g}",
        lambda rng, n: draw_counts(rng, n, before, dispersion),
        lambda rng, n: draw_counts(rng, n, after, dispersion),
        lambda xs: ratios[np.minimum(xs, _MOST_COUNT).astype(int)],
        {
            "one side": CountMonitor(before, RUN_LENGTH, UP, dispersion),
            "both sides": CountMonitor(before, RUN_LENGTH, BOTH, dispersion),
        },
        lambda values: CountMonitor.fitted(values, RUN_LENGTH, UP),
        None,
        None,
        focus.Family(focus.POISSON, before, 1) if dispersion == 0.0 else None,
        same,
    )


def log_mass(values: NDArray[np.int64], mean: float, dispersion: float) -> Floats:
    if dispersion == 0.0:
        return np.asarray(stats.poisson.logpmf(values, mean))
    return np.asarray(stats.nbinom.logpmf(values, 1.0 / dispersion, 1.0 / (1.0 + dispersion * mean)))


def draw_counts(rng: np.random.Generator, n: int, mean: float, dispersion: float) -> Floats:
    if dispersion == 0.0:
        return rng.poisson(mean, n).astype(float)
    return rng.negative_binomial(1.0 / dispersion, 1.0 / (1.0 + dispersion * mean), n).astype(float)


def mixes(name: str, before: tuple[float, ...], after: tuple[float, ...]) -> Case:
    ratios = np.log(np.array(after) / np.array(before))
    moved = int(np.argmax(np.array(after) - np.array(before)))
    effect = math.sqrt(2.0 * divergence(np.array(after), np.array(before)))
    risen = np.column_stack(risen_ratios(np.array(before), effect))
    return Case(
        "categorical",
        name,
        lambda rng, n: rng.choice(len(before), n, p=before).astype(float),
        lambda rng, n: rng.choice(len(after), n, p=after).astype(float),
        lambda xs: ratios[xs.astype(int)],
        {"any category": CategoricalMonitor(before, RUN_LENGTH)},
        lambda values: CategoricalMonitor.fitted(values, len(before), RUN_LENGTH),
        as_number=lambda xs: (xs == moved).astype(float),
        floor=lambda xs: run_union(risen[xs.astype(int)]),
        against=lambda values: of_categories(values, len(before)),
    )


def alarm_of(monitor: Monitor) -> FirstAlarm:
    return lambda xs: first_alarm(monitor, xs)


def of_categories(values: Floats, categories: int) -> FirstAlarm:
    """A referenced monitor for each category that may have risen, each with its share of the budget."""
    monitors = [
        ReferencedMonitor(int((values == category).sum()), values.size, categories * RUN_LENGTH, UP)
        for category in range(categories)
    ]

    def first(xs: Floats) -> int:
        found = [first_alarm(monitor, (xs == category).astype(float)) for category, monitor in enumerate(monitors)]
        return min((at for at in found if at != NEVER), default=NEVER)

    return first


def risen_ratios(row: Floats, effect: float) -> list[Floats]:
    """Log-likelihood ratios [category] of each category having risen by one size of change, the others alike."""
    out = []
    for category, rate in enumerate(row.tolist()):
        more = float(rate_alternatives(rate, np.array([effect]), up=True)[0])
        changed = row * (1.0 - more) / (1.0 - rate)
        changed[category] = more
        out.append(np.log(changed / row))
    return out


def spreads(before: float, after: float) -> Case:
    return Case(
        "spread",
        f"sd {before:g} → {after:g}",
        lambda rng, n: 0.5 + before * rng.standard_normal(n),
        lambda rng, n: 0.5 + after * rng.standard_normal(n),
        lambda xs: math.log(before / after) + (xs - 0.5) ** 2 * (1.0 / before**2 - 1.0 / after**2) / 2.0,
        {
            "one side": SpreadMonitor.normal(0.5, before, RUN_LENGTH, UP),
            "both sides": SpreadMonitor.normal(0.5, before, RUN_LENGTH),
        },
        lambda values: SpreadMonitor.fitted(values, RUN_LENGTH, UP),
        as_number=lambda xs: np.abs(xs - 0.5),
    )


def embeddings(length: float, axes: int) -> Case:
    """A shift of a whitened sketch in a direction that the monitor does not know."""
    shift = np.full(axes, length / math.sqrt(axes))
    return Case(
        "embedding",
        f"{axes} axes, shift {length:g} sd",
        lambda rng, n: rng.standard_normal((n, axes)),
        lambda rng, n: rng.standard_normal((n, axes)) + shift,
        lambda xs: xs @ shift - length**2 / 2.0,
        {"any direction": EmbeddingMonitor(np.zeros(axes), np.eye(axes), RUN_LENGTH)},
        floor=sphere_statistic(length, axes),
    )


def transitions() -> Case:
    """A step that is skipped more often; the floor does not know after which step which other has become frequent."""
    effect = math.sqrt(2.0 * divergence(np.array(rows(SKIPPED[1])[1]), np.array(ROWS[1])))
    risen = []
    for previous, row in enumerate(ROWS):
        for ratios in risen_ratios(np.array(row), effect):
            risen.append(np.zeros((len(ROWS), len(row))))
            risen[-1][previous] = ratios
    return Case(
        "transitions",
        f"a step skipped {SKIPPED[0]:g} → {SKIPPED[1]:g}",
        lambda rng, n: draw_chain(rng, n, SKIPPED[0]),
        lambda rng, n: draw_chain(rng, n, SKIPPED[1]),
        chain_score,
        {"any step": TransitionMonitor(ROWS, RUN_LENGTH)},
        floor=lambda xs: run_union(chain_ratios(xs, risen)),
    )


def all_cases() -> list[Case]:
    return [
        rates(0.1, 0.15),
        rates(0.1, 0.25),
        rates(0.02, 0.06),
        rates(0.9, 0.75),
        means(0.3, 0.4, 0.15),
        means(0.15, 0.25, 0.05),
        medians(0.35, 1.2),
        medians(1.0, 1.5),
        counts(2.0, 3.0, 0.0),
        counts(5.0, 7.5, 0.3),
        mixes("one of five, .1 → .25", (0.4, 0.3, 0.19, 0.1, 0.01), (0.333, 0.25, 0.158, 0.25, 0.009)),
        mixes("unseen, .01 → .06", (0.4, 0.3, 0.19, 0.1, 0.01), (0.38, 0.285, 0.18, 0.095, 0.06)),
        spreads(0.1, 0.15),
        embeddings(1.0, 16),
        transitions(),
    ]
