"""Rollouts on clinics' traffic: at their null by construction, judged by the guard's own functions, beside rivals."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from bench.guard.kernel import NEVER
from bench.guard.tables import GUARDRAILS, build_arms
from bench.guard.trials import declare_rules
from bench.rollback import __main__ as program
from bench.rollback import rivals, traffic
from homeostat.detectors.statistics.bets import guard_stakes
from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.detectors.statistics.two_sample import sum_pairs

ARMS = build_arms(program.CONTROL, by_source=True)


def case_of(d: np.ndarray[tuple[int, ...], np.dtype[np.float64]], alpha: float = 0.05) -> rivals.Case:
    return rivals.Case(d, 0.05, alpha, float(d.mean()), float(d.std()), d.ravel())


def test_a_release_at_tolerance_is_worse_by_exactly_that_at_every_hour() -> None:
    pairs = traffic.draw_pairs(np.random.default_rng(1), ARMS, ("omission_ratio",), 40_000)
    for half in (pairs.look <= traffic.LOOKS // 2, pairs.look > traffic.LOOKS // 2):
        for g, guardrail in enumerate(GUARDRAILS):
            d = pairs.d[half & (pairs.guardrail == g)]
            expected = guardrail.tolerance if guardrail.name == "omission_ratio" else 0.0
            assert abs(d.mean() - expected) < 4.0 * d.std() / math.sqrt(len(d))


def test_feedback_comes_late_and_the_big_cohort_first() -> None:
    pairs = traffic.draw_pairs(np.random.default_rng(2), ARMS, (), 4_000)
    names = [guardrail.name for guardrail in GUARDRAILS]
    by_name = {name: pairs.look[pairs.guardrail == names.index(name)] for name in ("acceptance", "latency")}
    assert np.median(by_name["acceptance"]) > np.median(by_name["latency"])
    counts = np.bincount(pairs.cohort, minlength=len(traffic.VOLUMES))
    assert (np.diff(counts) < 0).all()


def test_harm_is_found_and_the_cell_at_tolerance_is_seen() -> None:
    rules = declare_rules(1)
    fine = traffic.draw_pairs(np.random.default_rng(3), ARMS, (), 4_000)
    worse = fine._replace(d=np.minimum(fine.d + 0.4, 1.0))
    back, promoted, passed = traffic.judge_rollout(rules, *worse, traffic.LOOKS, 2)
    assert 0 < back < traffic.LOOKS
    assert (promoted, passed) == (NEVER, NEVER)
    back, _, passed = traffic.judge_rollout(rules, *fine, traffic.LOOKS, 2)
    assert (back, passed > 0) == (NEVER, True)


def test_ours_is_what_the_guard_computes() -> None:
    d = np.random.default_rng(4).uniform(-0.2, 0.9, (3, 60))
    found = rivals.ours(case_of(d))
    for row, at in zip(d, found, strict=True):
        stakes = guard_stakes(0.05)
        log_es = [mixture_log_e(sum_pairs(row[:n], 0.05, *stakes)[0]) for n in (int(at) - 1, int(at))]
        assert log_es[0] < math.log(20.0) <= log_es[1]


@pytest.mark.parametrize("name", sorted(rivals.TESTS))
def test_every_test_finds_plain_harm_and_keeps_quiet_without(name: str) -> None:
    rng = np.random.default_rng(5)
    harm = case_of(rng.normal(0.3, 0.2, (40, 800)).clip(-1.0, 1.0))
    assert np.isfinite(rivals.TESTS[name](harm)).mean() > 0.9
    quiet = harm._replace(d=rng.normal(-0.1, 0.2, (40, 800)).clip(-1.0, 1.0))
    assert np.isfinite(rivals.TESTS[name](quiet)).mean() < (0.5 if name == "repeated t" else 0.06)


def test_nobody_is_faster_than_the_best_sprt_with_the_same_guarantee() -> None:
    d = np.random.default_rng(6).normal(0.2, 0.2, (300, 1_000)).clip(-1.0, 1.0)
    case = case_of(d)
    assert np.median(rivals.best_sprt(case)) <= np.median(rivals.ours(case))


def test_the_program_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(program.SIZES, "ci", program.Size(3, 300, 400))
    assert program.main(["--size", "ci", "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert [each["worse"] for each in figures["null"]][-1] == "all guardrails"
    assert "best SPRT" in capsys.readouterr().out
