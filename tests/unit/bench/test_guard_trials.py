"""The guard's trials can fail, add exactly the effect they say, and simulate the same with the compiler off."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.guard import __main__ as command
from bench.guard import trials
from bench.guard.kernel import NEVER, match, run_rollout
from bench.guard.tables import GUARDRAILS, build_arms, load_rows
from bench.guard.trials import Size, build_world, declare_rules, same_style, summarise
from homeostat.detectors.compiled import pure

TINY = Size(1, 60, 60)


def test_the_figures_are_the_published_ones() -> None:
    assert len(load_rows("BART_large:full")) == 80
    arms = build_arms("BART_large:full", by_source=True)
    assert arms.rows.tolist() == [1000, 800, 2200]
    assert arms.harm.min() >= 0.0
    assert arms.harm.max() <= 1.0


@pytest.mark.parametrize("shape", ["even", "rare"])
def test_the_effect_is_exactly_what_was_asked_for_in_every_style(shape: str) -> None:
    arms = build_arms(trials.CONTROL, by_source=True)
    world = build_world(arms, {g.name: g.tolerance for g in GUARDRAILS}, shape)
    for style in range(3):
        before = arms.mean(style)
        after = before + (1.0 - before) * world.amount[style]
        np.testing.assert_allclose(after - before, [g.tolerance for g in GUARDRAILS], atol=1e-12)
    with pytest.raises(ValueError, match="beyond the end"):
        build_world(arms, {"edit_ratio": 0.9})


def test_first_in_is_first_out_and_signed_candidate_minus_control() -> None:
    queue, ends, d = np.zeros((2, 512, 1)), np.zeros((2, 2), np.int64), np.zeros(1)
    assert not match(queue, ends, 0, np.array([0.1]), d)
    assert not match(queue, ends, 0, np.array([0.2]), d)
    assert match(queue, ends, 1, np.array([0.9]), d)
    assert d[0] == pytest.approx(0.8)
    assert match(queue, ends, 1, np.array([0.9]), d)
    assert d[0] == pytest.approx(0.7)
    assert not match(queue, ends, 1, np.array([0.5]), d)
    assert match(queue, ends, 0, np.array([0.1]), d)
    assert d[0] == pytest.approx(0.4)


def test_compiled_and_pure_rollouts_are_equal() -> None:
    world = build_world(build_arms(trials.CONTROL), {"omission_ratio": 0.2})
    results = []
    for function in (run_rollout, pure(run_rollout)):
        out = np.zeros(4, np.int64)
        function(np.random.default_rng(3), world, declare_rules(250), same_style(1)[0], False, out)
        results.append(out.tolist())
    assert results[0] == results[1]
    assert results[0][0] != NEVER
    assert GUARDRAILS[results[0][3]].name == "omission_ratio"


def test_a_share_over_its_bound_fails_the_line() -> None:
    results = np.full((100, 4), NEVER)
    results[:12, 0] = 50
    assert summarise("t", "w", results, most_rolled_back=0.05).passed is False
    assert summarise("t", "w", results[8:], most_rolled_back=0.05).passed is True
    assert summarise("t", "w", results, least_rolled_back=0.95).passed is False
    assert summarise("t", "w", results).passed is None
    results[:12, 2] = 60
    assert summarise("t", "w", results, most_promoted=0.05).passed is False
    assert summarise("t", "w", results, most_promoted=0.05, homogeneous=False).passed is True
    results[:12, 1] = 60
    assert summarise("t", "w", results, most_promoted=0.05, homogeneous=False).passed is False


def test_the_command_prints_writes_and_exits_by_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(trials.SIZES, "ci", TINY)
    file = tmp_path / "guard.json"
    status = command.main(["--size", "ci", "--json", str(file)])
    figures = json.loads(file.read_text())
    assert status == (0 if figures["passed"] else 1)
    assert {line["trial"] for line in figures["lines"]} >= {
        "at tolerance",
        "tolerance + 1 sd",
        "harmless",
        "tenants differ",
    }
    assert [row["guardrail"] for row in figures["pairs_needed"]] == trials.NAMES
    assert "omission_ratio" in capsys.readouterr().out


def test_a_promise_that_does_not_hold_is_exit_status_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_harmful(*arguments: object) -> object:
        return np.full((20, 4), 100)

    monkeypatch.setitem(trials.SIZES, "ci", Size(1, 20, 20))
    monkeypatch.setattr(trials, "run_rollouts", all_harmful)
    monkeypatch.setattr(command, "TRIALS", (trials.at_tolerance,))
    assert command.main(["--size", "ci"]) == 1
