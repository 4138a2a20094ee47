"""The null bench: its accounts are the policy's, its edges those of the kernel, and a small run gives figures."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.null import laws, scenarios
from bench.null.__main__ import main
from bench.null.measure import EDGE, STILL, Change, Used, Watched, measure_delays
from bench.null.report import broken
from bench.null.scenarios import SCENARIOS, Scenario, Size, run_scenario
from bench.null.streams import DAY_MS, Cohorts, Stream
from bench.null.trial import Trial

COHORTS = 4
SMALL = Scenario("i.i.d.", "test", True, first_sessions=30)


def watch(scenario: Scenario = SMALL) -> Watched:
    trial = Trial(scenarios.policy_of(scenario, COHORTS))
    for number in range(COHORTS):
        trial.add_cohort(f"tenant-{number}", "any", 0)
    trial.begin(0)
    cohorts = Cohorts.alike(COHORTS, scenario.a_day)
    stream = Stream(cohorts, scenario.laws, np.random.default_rng(1), rhythm=scenario.rhythm, visits=scenario.visits)
    base = np.tile([law.mean for law in scenario.laws], (COHORTS, 1))
    return Watched(trial, stream, base)


@pytest.mark.parametrize("law", [laws.BINARY, laws.WIDE, laws.TIGHT, laws.TAILED], ids=lambda law: law.name)
@pytest.mark.parametrize("mean", [0.1, 0.25])
def test_laws_have_the_mean_they_are_asked_for(law: laws.Law, mean: float) -> None:
    drawn = law.draw(np.random.default_rng(2), np.full(200_000, mean))
    assert drawn.mean() == pytest.approx(mean, abs=5 * drawn.std() / 200_000**0.5)
    assert 0.0 <= drawn.min() <= drawn.max() <= 1.0


def test_edges_are_the_nulls_of_the_kernel() -> None:
    watched = watch()
    watched.run(3 * DAY_MS, STILL)
    cohorts, slots = watched.trial.world.cohorts.arrays, watched.trial.slots[:, 0]
    assert (cohorts.reference[slots, :, 0] > 0).all()
    edges = watched._means(EDGE)
    for number, slot in enumerate(slots.tolist()):
        for column in range(3):
            side = watched.side[number, column]
            has_bets = cohorts.stakes[slot, column, side, 0] > 0.0
            wanted = cohorts.null[slot, column, side] if has_bets else watched.base[number, column]
            assert edges[number, column] == wanted


def test_declared_is_the_policys_share_of_the_time() -> None:
    watched = watch()
    watched.run(7 * DAY_MS, STILL)
    since_ms = watched.since_ms.copy()
    watched.run(14 * DAY_MS, STILL)
    bets = (watched.trial.world.cohorts.arrays.stakes[watched.trial.slots[:, 0], :, :, 0] > 0).sum(axis=2)
    budget = watched.trial.policy.budget
    weeks = (14 * DAY_MS - since_ms) / (7 * DAY_MS)
    expected = budget.false_alarms_per_week / budget.expected_monitors * (weeks * bets).sum()
    assert watched.declared(14 * DAY_MS, STILL) == pytest.approx(float(expected))


def test_change_is_noticed_and_counted_in_sessions() -> None:
    watched = watch()
    watched.run(7 * DAY_MS, STILL)
    assert watched.trial.alarms == []
    sizes = np.full(3, 0.3)
    past_edge, past_base = measure_delays(watched, Change(sizes, sizes), 21)
    assert past_edge.monitors == past_base.monitors == 6
    assert past_edge.found_ratio == 1.0
    assert 1.0 < past_edge.median < past_base.median


def test_visit_of_one_session_is_one_value() -> None:
    visits = next(each for each in SCENARIOS if each.visits is not None and each.visits.as_sessions)
    watched = watch(visits)
    watched.run(2 * DAY_MS, STILL)
    watched.trial.pass_time(3 * DAY_MS)
    assert watched.trial.sessions.sum() == pytest.approx(COHORTS * 2 * visits.a_day, rel=0.3)


def test_parts_of_the_day_have_edges_of_their_own() -> None:
    parts = next(each for each in SCENARIOS if each.calendar.parts)
    watched = watch(parts._replace(first_sessions=30))
    watched.run(6 * DAY_MS + DAY_MS // 2, STILL)
    at_noon = watched._means(EDGE)
    watched.run(7 * DAY_MS, STILL)
    assert (at_noon < watched._means(EDGE)).all()


def test_whole_run_gives_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "null.json"
    size = ("--cohorts", "4", "--tenants", "3", "--repeats", "1")
    assert main([*size, "--only", "5 a day", "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert [row["stream"] for row in figures["streams"]] == ["i.i.d."]
    assert [row["layer"] for row in figures["platform"]["rows"]] == ["leaf", "tenant", "specialty", "platform", "all"]
    assert figures["platform"]["rows"][-1]["edge"]["declared"] == pytest.approx(100 * 4 * 3 / 2000)
    assert "Alarms used" in capsys.readouterr().out


def test_broken_budget_is_named_where_the_guarantee_holds() -> None:
    row = run_scenario(SMALL, Size(2, 1), 1, lambda _: None)
    spent = row._replace(still=Used(100, 10.0))
    assert list(broken([row])) == []
    assert list(broken([spent._replace(holds=False)])) == []
    assert list(broken([spent])) == ["i.i.d., test: no change 10.00 [8.14, 12.16]"]
