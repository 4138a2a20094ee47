"""What single declarations promise beside the common contract: refusals, fits, neighbours, strata, sketches."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from homeostat.detectors.statistics import cells, count_cells, effects, normal_cells
from homeostat.detectors.statistics.cells import CellMonitor
from homeostat.detectors.statistics.clopper_pearson import rate_upper_bound
from homeostat.detectors.statistics.e_sparing import boost_cells
from homeostat.detectors.statistics.monitor import Monitor, seal
from homeostat.detectors.statistics.monitor_kernel import LINEAR
from homeostat.detectors.statistics.monitors.binary import BinaryMonitor
from homeostat.detectors.statistics.monitors.bounded import BoundedMonitor
from homeostat.detectors.statistics.monitors.categorical import CategoricalMonitor
from homeostat.detectors.statistics.monitors.conformal import ConformalMonitor
from homeostat.detectors.statistics.monitors.count import CountMonitor
from homeostat.detectors.statistics.monitors.embedding import EmbeddingMonitor, project
from homeostat.detectors.statistics.monitors.positive import PositiveMonitor
from homeostat.detectors.statistics.monitors.referenced import ReferencedMonitor
from homeostat.detectors.statistics.monitors.spread import SpreadMonitor
from homeostat.detectors.statistics.monitors.transitions import TransitionMonitor
from homeostat.schemas.signal import Direction

RATE = (BinaryMonitor(0.3, 100.0),)
IMPOSSIBLE: dict[str, Callable[[], object]] = {
    "rate above 1": lambda: BinaryMonitor(1.1, 100.0),
    "rates out of order": lambda: BinaryMonitor(0.1, 100.0, rate_low=0.2),
    "mean below 0": lambda: BoundedMonitor(-0.1, 100.0),
    "no spread": lambda: BoundedMonitor(0.1, 100.0, spread=0.0),
    "run length": lambda: BinaryMonitor(0.1, 1.0).sealed,
    "run length is nan": lambda: BinaryMonitor(0.1, math.nan).sealed,
    "weights": lambda: seal(0, np.ones((1, 2)), 100.0, weights=np.array([0.5, 0.6])),
    "too few quantiles": lambda: PositiveMonitor((1.0, 2.0), 100.0),
    "quantiles that fall": lambda: SpreadMonitor(tuple(-float(z) for z in normal_cells.SCORES), 100.0),
    "count of mean 0": lambda: CountMonitor(0.0, 100.0),
    "one category": lambda: CategoricalMonitor((1.0,), 100.0),
    "an impossible category": lambda: CategoricalMonitor((1.0, 0.0), 100.0),
    "a row too short": lambda: TransitionMonitor(((0.5, 0.5), (1.0,), (0.5, 0.5)), 100.0),
    "a row that sums to less": lambda: TransitionMonitor(((0.5, 0.4),) * 3, 100.0),
    "no model": lambda: ConformalMonitor(()),
    "run lengths differ": lambda: ConformalMonitor((*RATE, BinaryMonitor(0.3, 200.0))),
    "nine strata": lambda: ConformalMonitor(RATE, ((),) * 9),
    "a reference outside": lambda: ConformalMonitor(RATE, ((2.0,),)),
    "axes of another width": lambda: EmbeddingMonitor(np.zeros(3), np.eye(2), 100.0),
    "1,025 dimensions": lambda: EmbeddingMonitor(np.zeros(1025), np.zeros((1, 1025)), 100.0),
    "a bound below 0": lambda: EmbeddingMonitor(np.zeros(2), np.eye(2), 100.0, bound=-0.1),
    "more hits than values": lambda: ReferencedMonitor(3, 2, 100.0),
    "a reference without values": lambda: ReferencedMonitor(0, 0, 100.0),
    "a reference both ways": lambda: ReferencedMonitor(1, 2, 100.0, Direction.BOTH),
    "too few references": lambda: EmbeddingMonitor.frozen(np.eye(20), 100.0),
}


@pytest.mark.parametrize("make", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_declared_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()


@pytest.mark.parametrize(("rate", "direction"), [(1.0, Direction.UP), (0.0, Direction.DOWN)])
def test_a_null_that_covers_everything_is_not_bet_against(rate: float, direction: Direction) -> None:
    for monitor in (BinaryMonitor(rate, 1000.0, direction), BoundedMonitor(rate, 1000.0, direction)):
        run = monitor.run(monitor.start(), [0.0, 0.5, 1.0] * 20)[1]
        np.testing.assert_allclose(run.evidence, 10.0 + np.arange(1, 61), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.001, 0.1, 0.5, 0.97])
@pytest.mark.parametrize("up", [True, False])
def test_alternatives_have_the_size_asked_for(rate: float, up: bool) -> None:
    found = effects.rate_alternatives(rate, effects.effect_grid(), up=up)
    assert np.all(np.diff(found) > 0.0) if up else np.all(np.diff(found) < 0.0)
    null = np.array([1.0 - rate, rate])
    sizes = [math.sqrt(2.0 * effects.divergence(np.array([1.0 - p, p]), null)) for p in found]
    np.testing.assert_allclose(sizes[:-1], effects.effect_grid()[: len(sizes) - 1], rtol=1e-6)
    assert 0.0 < found.min() <= found.max() < 1.0


@pytest.mark.parametrize(("mean", "dispersion"), [(0.2, 0.0), (4.0, 0.5), (900.0, 0.1), (1e5, 0.0)])
def test_count_cells_are_the_negative_binomial(mean: float, dispersion: float) -> None:
    size = 1.0 / dispersion if dispersion else 0.0
    law = stats.nbinom(size, 1.0 / (1.0 + dispersion * mean)) if dispersion else stats.poisson(mean)
    edges = count_cells.cell_edges(mean, dispersion, count_cells.most_count(mean, dispersion))
    expected = np.diff(np.concatenate(([0.0], law.cdf(edges - 0.5), [1.0])))
    np.testing.assert_allclose(count_cells.cell_probabilities(mean, dispersion, edges), expected, atol=1e-9)
    assert edges.size <= 64


@pytest.mark.parametrize(
    "monitor",
    [CountMonitor(3.0, 100.0, Direction.UP, 0.4), PositiveMonitor.log_normal(6.0, 0.5, 100.0, Direction.UP)],
    ids=["count", "positive"],
)
def test_ratios_rise_with_the_cell_so_that_smaller_values_are_covered(monitor: cells.CellMonitor) -> None:
    assert np.all(np.diff(monitor.cells().table, axis=0) >= -1e-12)


def test_the_last_category_stands_for_all_that_were_not_declared() -> None:
    monitor = CategoricalMonitor((0.6, 0.39, 0.01), 1000.0)
    assert [monitor.index_of(c) for c in (0, 1, 2, 17, -1, None)] == [0, 1, 2, 2, 2, 2]
    (fitted,) = CategoricalMonitor.fitted(np.array([0.0, 1.0, 0.0]), 4, 1000.0)
    assert fitted.probabilities == pytest.approx((0.5, 0.3, 0.1, 0.1))


def test_a_huge_value_is_one_value_beyond_the_last_quantile() -> None:
    monitor = PositiveMonitor.log_normal(6.0, 0.35, 1000.0, Direction.UP)
    once = [monitor.run(monitor.start(), [x])[1].evidence[0] for x in (30.0, 1e300)]
    assert once[0] == once[1] < monitor.sealed.threshold


def test_ranks_are_taken_within_strata() -> None:
    """Night values are half of day values; the mix of day and night changes and nothing else: no alarm."""
    rng = np.random.default_rng(4)
    models = PositiveMonitor.fitted(np.exp(rng.normal(0.0, 0.3, 100)), 1000.0)
    night, day = np.exp(rng.normal(-0.7, 0.3, 200)), np.exp(rng.normal(0.0, 0.3, 200))
    stratified = ConformalMonitor(models, (tuple(day), tuple(night)))
    pooled = ConformalMonitor(models, ((*day, *night),))
    xs = np.exp(rng.normal(-0.7, 0.3, 120))
    assert not stratified.run(stratified.start(), np.column_stack([xs, np.ones(120)]))[1].alarms.size
    assert pooled.run(pooled.start(), xs)[1].alarms.size
    with pytest.raises(ValueError, match="no value"):
        stratified.update(stratified.start(), (1.0, 2.0))


def test_a_wrong_model_costs_no_guarantee() -> None:
    """A rate of .5 ranked with a model of .05: alarms stay rare."""
    rng = np.random.default_rng(6)
    early = 0
    for key in range(60):
        reference = tuple((rng.random(50) < 0.5).astype(float))
        monitor = ConformalMonitor((BinaryMonitor(0.05, 500.0),), (reference,), key)
        early += bool(monitor.run(monitor.start(), (rng.random(100) < 0.5).astype(float))[1].alarms.size)
    assert stats.binomtest(early, 60, 105.0 / 505.0, alternative="greater").pvalue > 0.001


def test_a_frozen_sketch_keeps_still_and_sees_a_shift() -> None:
    rng = np.random.default_rng(8)
    mixing = rng.normal(0.0, 1.0, (24, 48))
    reference = rng.normal(0.0, 1.0, (600, 24)) @ mixing
    monitor: Monitor = EmbeddingMonitor.frozen(reference, 1000.0, axes=8)
    xs = rng.normal(0.0, 1.0, (300, 24)) @ mixing
    assert not monitor.run(monitor.start(), xs)[1].alarms.size
    direction = EmbeddingMonitor.frozen(reference, 1000.0, axes=8).axes[0]
    shift = 2.0 * direction / (direction @ direction)
    run = monitor.run(monitor.start(), np.concatenate([xs[:100], xs[100:200] + shift]))[1]
    assert 100 <= run.alarms[0] < 140


def test_folding_keeps_inner_products() -> None:
    rng = np.random.default_rng(9)
    a, b = rng.normal(0.0, 1.0, (2, 4096))
    folded = project(a) @ project(b), project(a) @ project(a)
    assert folded[0] == pytest.approx(float(a @ b), abs=4 * 4096 / 32)
    assert folded[1] == pytest.approx(float(a @ a), rel=0.15)


@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN])
def test_a_reference_and_its_stream_alarm_as_rarely_as_declared_over_references(direction: Direction) -> None:
    rng, rate, alarms, steps, streams = np.random.default_rng(12), 0.1, 0, 200, 300
    for _ in range(streams):
        reference, xs = rng.random(60) < rate, (rng.random(steps) < rate).astype(float)
        monitor = ReferencedMonitor(int(reference.sum()), 60, 50.0, direction)
        alarms += monitor.run(monitor.start(), xs)[1].alarms.size
    assert 0 < alarms <= streams * ((steps + 0.5) / 50.0)


def test_a_reference_tells_a_change_that_its_bound_forgives() -> None:
    """A rate of .1 in 400 values has a bound of .15 at δ = .01: .16 lies hardly beyond it."""
    xs = (np.random.default_rng(13).random(3000) < 0.16).astype(float)
    both = ReferencedMonitor(40, 400, 1e4)
    bound = BinaryMonitor(rate_upper_bound(400, 40, 0.01), 1e4, Direction.UP)
    found = [monitor.run(monitor.start(), xs)[1].alarms for monitor in (both, bound)]
    assert found[0].size > 0
    assert found[1].size == 0 or found[0][0] < found[1][0]


@pytest.mark.parametrize("direction", list(Direction))
def test_sparing_stakes_alarm_never_later_and_do_not_overshoot(direction: Direction) -> None:
    rng = np.random.default_rng(14)
    sparing, plain = (BinaryMonitor(0.5, 300.0, direction) for _ in range(2))
    plain.__dict__["sealed"] = plain.sealed._replace(code=LINEAR)
    earlier = 0
    for rate in [0.2, 0.35, 0.65, 0.8] * 20:
        xs = (rng.random(400) < rate).astype(float)
        runs = [monitor.run(monitor.start(), xs)[1] for monitor in (sparing, plain)]
        first, other = (int(run.alarms[0]) if run.alarms.size else xs.size for run in runs)
        assert first <= other
        earlier += first < other
        assert all(runs[0].evidence[at] <= sparing.sealed.threshold + 1.0 for at in runs[0].alarms)
    assert earlier > 0


@pytest.mark.parametrize(
    "monitor",
    [
        SpreadMonitor.normal(0.5, 0.1, 300.0, Direction.UP),
        CountMonitor(2.0, 300.0, Direction.DOWN),
        CategoricalMonitor((0.6, 0.35, 0.05), 300.0),
    ],
    ids=lambda monitor: str(monitor.kind),
)
def test_boosted_cells_alarm_never_later(monitor: CellMonitor) -> None:
    rng, plain = np.random.default_rng(15), copy.copy(monitor)
    params = monitor.sealed.params.copy()
    params[monitor.sealed.table.shape[0] :] = 0.0
    plain.__dict__["sealed"] = monitor.sealed._replace(params=params)
    earlier = 0
    for _ in range(60):
        xs = [monitor.draw(u) for u in rng.random(300) ** 0.8]
        runs = [each.run(each.start(), xs)[1].alarms for each in (monitor, plain)]
        first, other = (int(alarms[0]) if alarms.size else len(xs) for alarms in runs)
        assert first <= other
        earlier += first < other
    assert earlier > 0


def test_boosting_leaves_the_mean_of_what_counts_as_it_is() -> None:
    rng = np.random.default_rng(16)
    for _ in range(200):
        null, weights = rng.dirichlet(np.ones(6)), np.full(3, 1.0 / 3.0)
        table = np.ascontiguousarray((rng.dirichlet(np.ones(6), 3) / null).T)
        m, threshold = rng.random(3) * 100.0, 60.0
        sums = (table * weights * (m + 1.0)).sum(axis=1)
        out = np.ones(3)
        boost_cells(m, 1.0, table, weights, null, table.max(axis=0), threshold, out)
        factor = float(out[0])
        assert factor >= 1.0
        counted = float(np.minimum(factor * sums, threshold) @ null)
        assert counted <= max(float(sums @ null), float(np.minimum(sums, threshold) @ null)) * (1.0 + 1e-9)
        if float(sums @ null) < threshold:
            assert counted == pytest.approx(float(sums @ null), rel=1e-6)


@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN])
def test_bets_on_a_reference_have_a_mean_of_at_most_one_at_every_rate(direction: Direction) -> None:
    """Summed exactly over all references: what a rate's interval stakes on the reference, A above the last interval."""
    n, rates = 40, np.linspace(0.001, 0.999, 400)
    means = np.zeros((rates.size, 5))
    for hits in range(n + 1):
        monitor = ReferencedMonitor(hits, n, 100.0, direction)
        weights = monitor.sealed.weights.reshape(-1, 5) * 5.0
        highs = np.asarray(monitor.sealed.table[1]).reshape(-1, 5)[:, 0]
        harmful = highs if direction is Direction.UP else 1.0 - highs
        cells = np.searchsorted(harmful, rates)
        above = np.concatenate((weights, np.full((1, 5), 100.0 / 1.002)))
        harmful_hits = hits if direction is Direction.UP else n - hits
        means += np.asarray(stats.binom.pmf(harmful_hits, n, rates))[:, None] * above[cells]
    assert means.max() <= 1.0 + 1e-9


def test_a_reference_learns_from_the_stream_before_a_change() -> None:
    """References that lie high by chance, up to 3 standard errors; 5,000 records of the stream contradict them."""
    rng, taken = np.random.default_rng(17), {True: 0, False: 0}
    xs = np.concatenate([rng.random(5000) < 0.1, rng.random(4000) < 0.16]).astype(float)
    for hits in (46, 52, 58):
        for learns in taken:
            monitor = ReferencedMonitor(hits, 400, 1e4, learns=learns)
            alarms = monitor.run(monitor.start(), xs)[1].alarms
            taken[learns] += int(min(alarms[alarms >= 5000], default=xs.size)) - 5000
    assert taken[True] < 0.8 * taken[False]


@pytest.mark.parametrize("direction", [Direction.UP, Direction.DOWN])
def test_what_a_reference_learns_bets_away_from_the_change(direction: Direction) -> None:
    """At each rate of an interval L has a mean of at most 1, and is never below 0."""
    table = ReferencedMonitor(30, 100, 200.0, direction).sealed.table
    stakes, means = table[2], table[3]
    far = np.maximum(table[1], means) if direction is Direction.UP else np.minimum(table[1], means)
    assert (stakes * (far - means) <= 0.0).all()
    assert min((1.0 + stakes * (x - means)).min() for x in (0.0, 1.0)) >= 0.0
    assert (stakes != 0.0).any()
