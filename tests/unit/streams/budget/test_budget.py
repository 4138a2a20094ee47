"""`homeostat budget`: from declared volumes, and from a file of traces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.policy import BaselineRule, Budget, OnUnknown, Policy, Times
from homeostat.streams.budget.assess import Question, assess, unscale
from homeostat.streams.budget.declared import Shape, Volumes, declare_inventory
from homeostat.streams.budget.tell import say_budget, say_days
from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.main import run_with
from tests.builders.documents import START_MS, policy, signal

SIGNALS = (
    signal("edit_ratio", role="guardrail"),
    signal("latency_s", kind="positive", high=60.0, tolerance=0.1),
    signal("accepted", kind="binary", direction="down", tolerance=0.1),
)
SHAPE = Shape(0.2, 0.1, 0.1)
LAYERS = ["leaf", "tenant", "specialty", "platform"]
SIDES = 5
"""Nothing lies above the bound of nine in ten accepted, plus its tolerance: that side has no bets."""
DAYS, A_DAY = 4, {"riverside": 60, "hilltop": 20, "harbour": 4}


def declare(budget: Budget, volumes: Volumes) -> dict[str, Any]:
    found = declare_inventory(
        policy(signals=SIGNALS, budget=budget, times=Times(), baseline=BaselineRule()), volumes, SHAPE
    )
    return assess(found, Question(4.0, 7.0))


def test_declared_monitors_are_sides_of_columns_in_cohorts() -> None:
    told = declare(Budget(), Volumes(tenants=5, specialties=3, notes_per_day=90.0, feedback_ratio=1.0))
    layers = {row["layer"]: row for row in told["monitors"]["layers"]}
    assert {name: row["cohorts"] for name, row in layers.items()} == dict(zip(LAYERS, (15, 5, 3, 1), strict=True))
    assert told["monitors"]["active"] == (15 + 5 + 3 + 1) * SIDES
    assert told["monitors"]["holds"]
    assert told["baselines"]["bounds"] == 15 * 6


def test_too_many_monitors_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    told = declare(Budget(expected_monitors=100), Volumes(20, 1, 40.0, 1.0))
    assert not told["monitors"]["holds"]
    assert told["monitors"]["alarms_a_week_at_most"] == pytest.approx(42 * SIDES / 100)
    assert any("DOES NOT HOLD" in line and "expected_monitors: 210" in line for line in say_budget(told))


def test_tenants_cap_is_held_to_its_monitors() -> None:
    capped = Budget(false_alarms_per_week_per_tenant=0.01, expected_monitors_per_tenant=9)
    told = declare(capped, Volumes(tenants=5, specialties=1, notes_per_day=40.0, feedback_ratio=1.0))
    assert told["tenants"] == {
        "cap_a_week": 0.01,
        "declared": 9,
        "largest": "each tenant",
        "largest_monitors": 2 * SIDES,
        "holds": False,
        "alarms_a_week_at_most": pytest.approx(2 * SIDES * 1e-4),
    }


def test_small_cohorts_are_named_with_what_they_need() -> None:
    told = declare(Budget(), Volumes(tenants=40, specialties=1, notes_per_day=2.0, feedback_ratio=1.0))
    named = {each["cohort"]: each for each in told["too_small"]}
    assert set(named) == {"each leaf", "each tenant"}
    needed = named["each leaf"]["sessions_a_day_needed"]
    assert needed > 2.0
    again = declare(Budget(), Volumes(tenants=40, specialties=1, notes_per_day=1.05 * needed, feedback_ratio=1.0))
    assert again["too_small"] == []


def test_more_volume_notices_smaller_shifts_sooner() -> None:
    few, many = (declare(Budget(), Volumes(1, 1, a_day, 1.0))["power"][0] for a_day in (20.0, 2000.0))
    assert few["smallest"]["tolerances"] > many["smallest"]["tolerances"] > 1.0
    assert few["days"] > many["days"]
    assert few["ladder"][0]["days"] is None


def test_scale_of_a_signal_comes_back() -> None:
    for spec in SIGNALS[:2]:
        for value in (0.0, 0.3, 1.0):
            at = spec.low + value * (spec.high - spec.low)
            assert unscale(spec, spec.scale(at)) == pytest.approx(at)
    assert say_days(1 / 48) == "30 min"


def draw_traces() -> Iterator[dict[str, Any]]:
    """Four days of three clinics, in order of time."""
    rng = np.random.default_rng(3)
    rows = [
        (int(rng.integers(0, DAYS * 86_400_000)), tenant)
        for tenant, a_day in A_DAY.items()
        for _ in range(DAYS * a_day)
    ]
    for number, (at_ms, tenant) in enumerate(sorted(rows)):
        yield {
            "version": "1.0",
            "kind": "work",
            "trace_id": derive_id("trace", number),
            "work_id": derive_id("trace", number),
            "tenant": tenant,
            "specialty": "cardiology",
            "workflow": "scribe",
            "runtime": "scribe-1",
            "release": "sha256:" + "ab" * 32,
            "arm": "baseline",
            "session": derive_id("session", number),
            "actor": derive_id("actor", tenant),
            "consent": "shared",
            "work_time_ms": START_MS + at_ms,
            "signals": {
                "edit_ratio": round(float(rng.beta(3, 12)), 4),
                "latency_s": round(float(rng.lognormal(2.0, 0.4)), 2),
                "accepted": float(rng.random() < 0.9),
            },
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("budget")
    (folder / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in draw_traces()))
    declared = Policy(
        signals=SIGNALS,
        times=Times(bucket_s=600.0, tick_s=60.0, session_s=60.0, lease_ttl_s=600.0, source_timeout_s=3600.0),
        baseline=BaselineRule(first_sessions=30),
        budget=Budget(expected_monitors=30),
        partitions=2,
        unknown_release=OnUnknown.COUNT,
    )
    body = declared.model_dump(mode="json", exclude_defaults=True)
    (folder / "policy.yaml").write_text(yaml.safe_dump({"kind": "policy", "version": 1, "body": body}))
    return folder


def test_budget_of_a_file_counts_what_its_stages_watch(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, documents = str(folder / "traces.jsonl"), str(folder / "policy.yaml")
    assert run_with(["budget", file, "--policy", documents, "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    layers = {row["layer"]: row for row in told["monitors"]["layers"]}
    assert {name: row["active"] for name, row in layers.items()} == dict(
        zip(LAYERS, (2 * SIDES, 2 * SIDES, SIDES, SIDES), strict=True)
    )
    assert layers["leaf"]["collecting"] == 6
    assert (told["monitors"]["declared"], told["monitors"]["holds"]) == (30, False)
    assert [each["cohort"].split("/")[1] for each in told["too_small"] if each["collects"]] == ["harbour"]
    busiest = [
        row for row in told["power"] if row["cohort"].startswith("leaf/riverside") and row["signal"] == "edit_ratio"
    ]
    assert busiest[0]["sessions_a_day"] == pytest.approx(60.0, rel=0.05)
    assert busiest[0]["baseline"] == pytest.approx(0.2, abs=0.05)
    assert busiest[0]["reference_sessions"] >= 30


def test_budget_of_a_file_is_told_in_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, documents = str(folder / "traces.jsonl"), str(folder / "policy.yaml")
    assert run_with(["budget", file, "--policy", documents, "--cohort", "riverside"]) == ExitCode.OK
    told = capsys.readouterr().out
    assert "THE DECLARATION DOES NOT HOLD: 36 of 30 monitors" in told
    assert "leaf/riverside/cardiology/scribe/baseline" in told
    assert "collects its first reference: 16 of 30 sessions" in told


def test_file_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["budget", "no-such-file.jsonl"]) != ExitCode.OK
    assert "does not exist" in capsys.readouterr().err


def test_shape_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["budget", "--mean", "0.01", "--sd", "0.4"]) != ExitCode.OK
    assert "standard deviation below" in capsys.readouterr().err
