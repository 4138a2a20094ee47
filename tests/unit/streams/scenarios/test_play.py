"""A tiny scenario from its file to its scores."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homeostat.schemas.canonical import to_json
from homeostat.schemas.log import Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from homeostat.streams.cli.main import run_with
from homeostat.streams.scenarios.play import Player
from homeostat.streams.scenarios.read import read_file
from homeostat.streams.scenarios.run import run_all, run_scenario

Write = Callable[..., Path]


def run_file(path: Path) -> dict[str, Any]:
    found = read_file(path)
    assert found.scenario is not None, found.errors
    result = run_scenario(found.scenario)
    return {name: value for name, value in result.items() if name != "seconds"}


def test_a_change_is_noticed_where_and_when_it_happened(write: Write) -> None:
    result = run_file(write())
    assert result["detected"]
    assert result["harm_right"]
    assert result["scope_right"]
    assert result["false_alarms"] == 0
    assert result["onset_error_days"] < 1
    assert result["refused"] == {}
    assert result["alarms"] > 0


def test_the_same_file_gives_the_same(write: Write) -> None:
    assert run_file(write()) == run_file(write())
    assert run_file(write()) != run_file(write(seed=5))


def test_processes_side_by_side_give_the_same(write: Write) -> None:
    paths = [write(f"{name}.yaml", name=name, days=1, changes=[], truth=[]) for name in ("one", "two")]
    alone, together = (run_all(paths, jobs) for jobs in (1, 2))
    assert [{**each, "seconds": 0} for each in together] == [{**each, "seconds": 0} for each in alone]
    assert [each["name"] for each in together] == ["one", "two"]


def test_nothing_is_raised_where_nothing_changes(write: Write) -> None:
    result = run_file(write(changes=[], truth="nothing"))
    assert (result["class_right"], result["false_alarms"], result["events"]) == (True, 0, [])


def test_a_harmful_candidate_is_taken_back(write: Write) -> None:
    rollout = {"at_day": 3, "signals": {"unsupported_ratio": {"add": 0.5}}}
    truth = {"class": "release_regression", "harm": "dangerous", "scope": {"arm": "candidate"}}
    result = run_file(write(changes=[], rollouts=rollout, truth=truth))
    assert list(result["rollouts"].values())[-1] == "rolled_back"
    assert result["sessions_candidate"] > 0


def test_faults_are_refused_or_dropped_and_not_lost(write: Write) -> None:
    dirty = {"malformed": 0.02, "duplicate": 0.05, "forged": 0.02, "late": 0.05, "out_of_order": 0.2}
    result = run_file(write(days=3, changes=[], truth=[], dirty=dirty))
    assert set(result["refused"]) == {"not_json", "mac_bad"}
    assert result["events"] == []


def test_traces_are_what_the_contract_writes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = read_file(write(days=2, changes=[], truth=[])).scenario
    assert scenario is not None
    player, seen = Player(scenario), list[bytes]()
    send = player.platform.topology.send

    def watch(output: Output) -> tuple[int, int]:
        if output.topic == TRACES and output.value is not None:
            seen.append(output.value)
        return send(output)

    monkeypatch.setattr(player.platform.topology, "send", watch)
    player.play()
    traces = [value for value in seen if b'"kind":"' in value]
    assert len(traces) == player.counts["traces"] > 100
    for value in traces:
        model: type[WorkTrace | FeedbackTrace] = WorkTrace if b'"kind":"work"' in value else FeedbackTrace
        assert to_json(parse_message(model, value)[0]) == value


def test_the_command_line_runs_a_folder(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(days=2, changes=[], truth=[])
    write("wrong.yaml", name="wrong", days=0)
    assert run_with(["scenarios", "run", str(tmp_path), "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in found["scenarios"]] == ["tiny"]
    assert found["total"]["class_right"] == 1.0
    assert "wrong.yaml: days: " in found["invalid"][0]["errors"][0]


def test_the_command_line_checks_and_shows_the_schema(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write()
    assert run_with(["scenarios", "check", str(path)]) == 0
    assert run_with(["scenarios", "check", str(write(days=-1))]) == 4
    capsys.readouterr()
    assert run_with(["scenarios", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["truth"]
