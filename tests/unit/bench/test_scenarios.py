"""The bench over scenarios: which are kept for the end, and that it runs."""

import json
from pathlib import Path

import pytest
import yaml

from bench.scenarios.__main__ import main
from bench.scenarios.held_out import is_held_out


def test_a_third_is_held_out() -> None:
    kept = sum(is_held_out(f"scenario-{number}") for number in range(3_000))
    assert 900 < kept < 1_100
    assert not any(is_held_out(f"scenario-{number}", "from_the_docs") for number in range(100))


def test_bench_runs_the_third_or_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"quiet-{number}" for number in range(20)]
    kept, shown = next(n for n in names if is_held_out(n)), next(n for n in names if not is_held_out(n))
    for name in (kept, shown):
        scenario = {"name": name, "days": 1, "tenants": 1, "specialties": "cardiology", "truth": []}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(scenario))
    report = tmp_path / "figures.json"
    assert main(["--folder", str(tmp_path), "--held-out", "--json", str(report)]) == 0
    assert [row["name"] for row in json.loads(report.read_text())["scenarios"]] == [kept]
    assert "1 of 2 scenarios" in capsys.readouterr().out
    (tmp_path / "wrong.yaml").write_text("days: 0\n")
    assert main(["--folder", str(tmp_path)]) == 2
