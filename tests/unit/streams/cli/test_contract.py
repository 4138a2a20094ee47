"""`homeostat contract`: messages and topics exported, registries printed."""

import json
from pathlib import Path

import pytest
import yaml

from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.registries.tables import write_tables
from homeostat.schemas.signal import SignalSpec
from homeostat.streams.cli.main import run_with


def test_every_message_and_the_topics_are_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "contract"
    assert run_with(["contract", "export", "--out", str(folder), "--json"]) == 0
    written = {Path(path).name for path in json.loads(capsys.readouterr().out)}
    assert written == {path.name for path in folder.iterdir()}
    assert written == {*(f"{ce_type}.schema.json" for ce_type in MESSAGES), "asyncapi.json"}
    assert json.loads((folder / "asyncapi.json").read_text())["asyncapi"] == "3.0.0"


def test_a_second_export_replaces_the_first_and_leaves_other_files(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours")
    (tmp_path / "homeostat.gone.schema.json").write_text("{}")
    for _ in range(2):
        assert run_with(["contract", "export", "--out", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert "README.md" in names
    assert "homeostat.gone.schema.json" not in names


@pytest.mark.parametrize("runtime", list(Runtime))
def test_the_policy_of_each_runtime_can_be_applied(
    runtime: Runtime, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(["contract", "policy", "--runtime", runtime]) == 0
    text = capsys.readouterr().out
    assert tuple(SignalSpec.model_validate(entry) for entry in yaml.safe_load(text)["body"]["signals"]) == signals_of(
        runtime
    )
    (tmp_path / "policy.yaml").write_text(text)
    assert run_with(["apply", "--dry-run", str(tmp_path / "policy.yaml")]) == 0


def test_the_registries_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["contract", "signals"]) == 0
    assert capsys.readouterr().out == write_tables()
