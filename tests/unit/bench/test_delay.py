"""The race of detectors: FOCuS is the exact GLR, the oracle is calibrated, and a small race gives sane figures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bench.delay import cases, floor, focus, leaf, oracle, race, rivals
from bench.delay.__main__ import main
from bench.delay.oracle import Floats

TINY = race.Size((0, 20), 30, 3, 100_000, 2, 2)


def gain(family: focus.Family, x: float) -> float:
    """KL of one observation with mean x to the baseline, written again by hand."""
    if family.code == focus.GAUSSIAN:
        return (x - family.mean) ** 2 / 2
    if family.code == focus.POISSON:
        return (x * math.log(x / family.mean) if x else 0.0) - x + family.mean
    return sum(a * math.log(a / b) for a, b in ((x, family.mean), (1 - x, 1 - family.mean)) if a > 0)


def draw(code: int, rng: np.random.Generator, n: int) -> Floats:
    if code == focus.GAUSSIAN:
        return rng.standard_normal(n)
    return rng.poisson(2.0, n).astype(float) if code == focus.POISSON else rng.binomial(1, 0.5, n).astype(float)


def exact(xs: Floats, family: focus.Family) -> list[float]:
    """The generalised likelihood ratio after each observation, over all starts and sizes."""
    out = []
    for t in range(1, len(xs) + 1):
        means = [(t - s, float(xs[s:t].mean())) for s in range(t)]
        out.append(max((n * gain(family, x) for n, x in means if family.sign * (x - family.mean) > 0), default=0.0))
    return out


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("code", "mean"), [(focus.GAUSSIAN, 0.3), (focus.BERNOULLI, 0.4), (focus.POISSON, 2.0)])
def test_focus_is_the_exact_glr(code: int, mean: float, sign: int) -> None:
    rng = np.random.default_rng(code * 2 + sign + 1)
    for _ in range(20):
        xs = draw(code, rng, 60)
        family = focus.Family(code, mean, sign)
        values = exact(xs, family)
        for level in (0.5, 1.5, 3.0):
            expected = next((i for i, value in enumerate(values) if value >= level), focus.NEVER)
            assert focus.first_crossing(xs, family, level) == expected


def test_the_oracle_has_the_declared_run_length() -> None:
    scores = np.random.default_rng(1).normal(-0.125, 0.5, 400_000)
    level = oracle.calibrate_level(scores, 500.0)
    fresh = np.random.default_rng(2).normal(-0.125, 0.5, 400_000)
    assert fresh.size / oracle.count_crossings(fresh, level) == pytest.approx(500.0, rel=0.15)
    assert oracle.first_crossing(np.full(10, -1.0), level) == oracle.NEVER


def test_every_case_holds_its_own_change() -> None:
    rng = np.random.default_rng(3)
    for case in cases.all_cases():
        before, after = case.score(case.before(rng, 4000)), case.score(case.after(rng, 4000))
        assert before.mean() < 0.0 < after.mean(), case.name
    assert {case.kind for case in cases.all_cases()} >= {"binary", "bounded", "positive", "count", "categorical"}


def test_the_floor_is_the_first_of_several_cusums() -> None:
    scores = np.random.default_rng(6).normal(-0.1, 0.5, (300, 3))
    running = floor.run_union(scores)
    for level in (0.5, 2.0, 4.0):
        firsts = [oracle.first_crossing(np.ascontiguousarray(scores[:, k]), level) for k in range(3)]
        crossed = [first for first in firsts if first != oracle.NEVER]
        assert floor.first_above(running, level) == min(crossed, default=oracle.NEVER)


def test_the_floor_of_directions_averages_the_likelihood_ratio_over_them() -> None:
    rng = np.random.default_rng(7)
    ys, length, axes = rng.standard_normal((30, 4)) + 0.3, 0.8, 4
    thetas = rng.standard_normal((200_000, axes))
    thetas *= length / np.linalg.norm(thetas, axis=1, keepdims=True)
    sums = np.cumsum(ys[::-1], axis=0)
    logs = [math.log(np.exp(thetas @ sums[n]).mean()) - (n + 1) * length**2 / 2 for n in range(30)]
    assert floor.sphere_statistic(length, axes)(ys)[-1] == pytest.approx(max(0.0, *logs), abs=0.05)


def test_the_floor_has_the_declared_run_length() -> None:
    rng = np.random.default_rng(8)

    def draw(source: np.random.Generator, n: int) -> Floats:
        return source.normal(-0.125, 0.5, n)

    level = floor.calibrate_level(lambda: lambda xs: floor.run_union(xs[:, None]), draw, rng, 1_000_000, 5000.0)
    fresh = draw(rng, 2_000_000)
    assert fresh.size / oracle.count_crossings(fresh, level) == pytest.approx(5000.0, rel=0.2)


def test_the_oracle_of_a_leaf_has_its_run_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaf, "RUN_LENGTH", 2000.0)
    rng = np.random.default_rng(9)
    made = leaf.Oracle(0.2, leaf.pool_of(0.4, None), None, rng)
    null = made.score((rng.random(1_000_000) < 0.2).astype(float))
    assert null.size / oracle.count_crossings(null, made.level) == pytest.approx(2000.0, rel=0.5)


def test_the_program_measures_what_runs_in_a_leaf(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(leaf, "CHANGES", (leaf.Change(0.1, 0.8), leaf.Change(0.3, 0.8, 0.15)))
    monkeypatch.setattr("bench.delay.__main__.LEAF_REFERENCES", 1)
    monkeypatch.setattr("bench.delay.__main__.LEAF_REPEATS", 20)
    assert main(["--leaf"]) == 0
    out = capsys.readouterr().out
    assert "rate: 0.1 → 0.8" in out
    assert "mean, sd 0.15: 0.3 → 0.8" in out


def test_a_small_race_of_one_case() -> None:
    lines = race.Race(cases.medians(0.35, 1.6), TINY, np.random.default_rng(5)).run()
    assert lines[0].detector == race.ORACLE
    assert lines[0].worst == 1.0
    assert all(0.4 < line.worst < 12.0 for line in lines)
    assert [line.detector.split(",")[0] for line in lines] == [
        "oracle CUSUM",
        "e-SR",
        "e-SR",
        "e-SR",
        "FOCuS",
        "River ADWIN",
        "River PageHinkley",
    ]
    assert len(rivals.rivals_of(cases.transitions(), np.random.default_rng(1))) == 0


def test_the_program_writes_figures_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(race.SIZES, "small", TINY)
    monkeypatch.setattr("bench.delay.__main__.all_cases", lambda: [cases.medians(0.35, 1.6)])
    figures, picture = tmp_path / "delay.json", tmp_path / "delay.svg"
    assert main(["--json", str(figures), "--plot", str(picture), "--kind", "positive"]) == 0
    assert json.loads(figures.read_text())["lines"][0]["case"].startswith("log-normal")
    assert picture.read_text().startswith("<?xml")
