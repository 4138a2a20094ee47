"""`homeostat rollout plan`: every example can be followed, and what cannot says why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.schemas.rollout import Strategy
from homeostat.streams.cli.main import run_with

EXAMPLES = sorted((Path(__file__).parents[4] / "docs" / "examples" / "rollouts").glob("*.yaml"))


def test_every_strategy_has_an_example() -> None:
    found = {entry["body"]["strategy"] for path in EXAMPLES for entry in _entries(path) if entry["kind"] == "rollout"}
    assert found == set(Strategy)


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_every_example_is_a_plan_that_can_be_applied(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["rollout", "plan", str(path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["plan_digest"].startswith("sha256:")
    assert told["waves"][0]["cohorts"]
    assert run_with(["rollout", "plan", str(path)]) == 0
    assert "assumption: " in capsys.readouterr().out
    assert run_with(["apply", "--dry-run", str(path)]) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"waves": [{"tenants": ["nowhere"]}]}, "wave 1 names no cohort of the rollout"),
        ({"waves": [{"share": 2}]}, "waves.0.share: Input should be less than 1"),
        ({"wave": []}, "wave: Extra inputs are not permitted"),
        ({"flag": {}}, "`flag` belongs to the strategy feature_flag"),
        ({"on_harm": "nobody"}, "on_harm: Input should be 'rollout' or 'cohort'"),
        ({"guardrails": ["beauty"]}, "1 guardrails > 0 are not declared in the policy: beauty"),
        ({"candidate": "@nothing"}, "release @nothing is not in this command"),
    ],
)
def test_a_plan_that_cannot_be_followed_says_why(
    change: dict[str, object], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = _entries(next(path for path in EXAMPLES if path.stem == "cohort-canary"))
    entries[-1]["body"].update(change)
    path = tmp_path / "rollout.yaml"
    path.write_text(yaml.safe_dump_all(entries))
    assert run_with(["rollout", "plan", str(path)]) == 4
    assert words in capsys.readouterr().err


def test_a_plan_without_a_version_has_no_digest_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = _entries(EXAMPLES[0])
    del entries[-1]["version"]
    path = tmp_path / "rollout.yaml"
    path.write_text(yaml.safe_dump_all(entries))
    assert run_with(["rollout", "plan", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["plan_digest"] == "not fixed yet"


@pytest.mark.parametrize("options", [[], ["--everything", "--automation"], ["--tenant", "North Clinic"]])
def test_a_stop_says_what_it_stops(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["rollout", "stop", "--reason", "test", *options]) in {2, 4}
    assert capsys.readouterr().err.startswith("error: ")


def _entries(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))
