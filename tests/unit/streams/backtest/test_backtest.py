"""One canary of the demo through the whole topology, from bare traces and from a dump, and stage by stage."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.detectors.backtest import replay_stage
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.topics import DRIFT_EVENTS, STAGE_INPUTS, SUMMARIES, TRACES
from homeostat.streams.app import stage_factories
from homeostat.streams.backtest import run
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, read_dump, read_head, write_dump
from homeostat.streams.backtest.log_source import DumpSource
from homeostat.streams.backtest.platform import Documents, Platform
from homeostat.streams.cli.main import run_with
from tests.builders.canary_folder import LED, PARTITIONS
from tests.builders.demo_traces import START_MS


@pytest.fixture(scope="module")
def found(folder: Path) -> dict[str, Any]:
    return run.run_traces(folder / "traces.jsonl", folder / "documents", None, None, folder / "out", lambda _: None)


def dump_of(kept: Platform, folder: Path, topic: str, suffix: str = "jsonl") -> Path:
    path = folder / f"{topic}.{suffix}"
    logs = kept.topology.logs
    rows = [DumpRow(part, record) for part in range(PARTITIONS) for record in logs.log(topic, part).read(0)]
    write_dump(path, DumpHead(topic, PARTITIONS), rows)
    return path


def test_a_harmful_release_is_taken_back(found: dict[str, Any]) -> None:
    last = found["decisions"][-1]
    assert (last["phase"], last["verdict"]) == ("rolled_back", "harmful")
    assert "unsupported_ratio" in last["deciding"]
    assert found["refused"] == {}
    states = {state["target"].split("/")[1]: state for state in found["desired_states"]}
    for tenant in LED.tenants:
        assert states[tenant]["exposed"] == []
        assert states[tenant]["quarantined"] == 1
    assert any("lost sessions" in assumption for assumption in found["assumptions"])


def test_it_is_the_same_again_and_from_parquet(folder: Path, found: dict[str, Any]) -> None:
    again = run.run_traces(folder / "traces.parquet", folder / "documents", None, None, None, lambda _: None)
    assert {**again, "file": ""} == {**found, "file": ""}


def test_a_dump_of_its_traces_comes_to_the_same_verdicts(folder: Path, kept: Platform, found: dict[str, Any]) -> None:
    path = dump_of(kept, folder, TRACES, "parquet")
    head = read_head(path)
    assert head == DumpHead(TRACES, PARTITIONS)
    dumped = run.run_log(DumpSource(path, head), kept.keys.trust(), kept.keys.masters, None)
    shown = ("rollout", "verdict", "phase", "deciding")
    assert [[d[key] for key in shown] for d in dumped["decisions"]] == [
        [d[key] for key in shown] for d in found["decisions"]
    ]
    assert set(dumped["refused"]) == {"sequencer"}, "a dump of traces does not say what targets serve"


def test_every_stage_over_its_dump_is_the_stage_that_ran(folder: Path, kept: Platform) -> None:
    factories = stage_factories(kept.keys.trust(), kept.keys.masters)
    for (name, partition), stage in kept.topology.stages().items():
        path = dump_of(kept, folder, STAGE_INPUTS[name])
        records = [row.record for row in read_dump(path) if row.partition == partition]
        replayed = replay_stage(factories[name](partition, PARTITIONS), records, batch_records=97)
        assert replayed.state == stage.state_records(), name
        source = DumpSource(path, DumpHead(STAGE_INPUTS[name], PARTITIONS))
        shown = run.run_stage(source, kept.keys.trust(), kept.keys.masters, None)
        assert shown["partitions"][partition]["next_offset"] == stage.next_offset


def test_what_was_written_can_be_read(folder: Path, found: dict[str, Any]) -> None:
    written = {path.name.removesuffix(".jsonl") for path in (folder / "out").iterdir()}
    assert {"decisions.v1", "release.commands.v1", "evidence.v1"} <= written
    assert TRACES not in written
    for topic in written:
        assert len(list(read_dump(folder / "out" / f"{topic}.jsonl"))) == found["topics"][topic]


def test_the_command_prints_json_and_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], found: dict[str, Any]
) -> None:
    arguments = ["backtest", str(folder / "traces.jsonl"), "--policy", str(folder / "documents")]
    assert run_with([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == found["decisions"]
    assert run_with(arguments) == 0
    lines = capsys.readouterr().out
    assert "rolled_back, harmful (unsupported_ratio" in lines
    assert "records: alarms.v1" in lines


def test_without_documents_the_default_policy_watches(folder: Path) -> None:
    found = run.run_traces(folder / "traces.jsonl", None, 1, 5.0, None, lambda _: None)
    assert found["decisions"] == []
    assert found["refused"] == {}
    assert found["partitions"] == 1
    assert DRIFT_EVENTS not in found["topics"] or found["events"]


def test_rows_that_are_no_traces_are_counted(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "traces.jsonl"
    good = (folder / "traces.jsonl").read_text().splitlines()[:3]
    path.write_text("\n".join(["no json", *good, '{"kind": "work"}']))
    found = run.run_traces(path, None, 1, 5.0, None, lambda _: None)
    assert found["traces"] == 3
    assert found["not_traces"] == {"not_json": 1, "schema": 1}


def test_a_file_without_traces_and_documents_that_clash_are_refused(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(DocumentInvalid, match="holds no trace"):
        run.run_traces(empty, None, None, None, None, lambda _: None)
    with pytest.raises(DocumentInvalid, match=r"holds no \.yaml"):
        run.run_traces(folder / "traces.jsonl", tmp_path, None, None, None, lambda _: None)
    twice = tmp_path / "twice.yaml"
    twice.write_text(yaml.safe_dump_all([{"kind": "policy", "body": default_policy().model_dump(mode="json")}] * 2))
    with pytest.raises(DocumentInvalid, match="2 policies"):
        Documents(twice, START_MS)
    with pytest.raises(DocumentInvalid, match="no stage's input"):
        run.stage_of(DumpHead("audit.v1", 1))


def test_the_command_on_dumps(folder: Path, kept: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "keys"
    assert run_with(["keys", "new", "--out", str(keys)]) == 0
    trust, masters = ["--trust", str(keys / "trust")], ["--masters", str(keys / "masters")]
    capsys.readouterr()
    summaries, traces = dump_of(kept, folder, SUMMARIES), dump_of(kept, folder, TRACES)
    assert run_with(["backtest", str(summaries), *trust, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["stage"] == "parents"
    assert shown["topics"]["traces.dlq.v1"] > 0, "its control records were signed for another trust root"
    assert run_with(["backtest", str(traces), *trust, *masters, "--stage"]) == 0
    assert "leaf 1: " in capsys.readouterr().out
    assert run_with(["backtest", str(traces), *trust]) == 2
    assert "give --masters" in capsys.readouterr().err
