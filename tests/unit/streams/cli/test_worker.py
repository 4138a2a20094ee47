"""`homeostat worker`: what the processes of the roles are told, and which of them there are."""

import subprocess
import sys
from pathlib import Path

import pytest

from homeostat.streams.cli.exit_codes import ExitCode
from homeostat.streams.cli.main import run_with
from homeostat.streams.roles import all_roles
from homeostat.streams.settings import load_settings


def test_every_roles_process_reads_the_settings_file_that_was_asked_for(tmp_path: Path) -> None:
    """Whichever role ends first ends the others; each of them would name a path that only the file has."""
    keys = tmp_path / "named in the file"
    sections = f'[keys]\ntrust_folder = "{keys}"\nprivate_key_path = "{keys}/key"\nmac_masters_folder = "{keys}"\n'
    (tmp_path / "mine.toml").write_text(sections)
    command = [sys.executable, "-m", "homeostat", "--config", "mine.toml", "worker", "--role", "all"]
    ended = subprocess.run(
        [*command, "--bootstrap", "127.0.0.1:1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode not in (ExitCode.OK, ExitCode.DEFECT)
    assert str(keys) in ended.stderr


def test_record_is_one_of_all_where_it_has_a_location() -> None:
    assert all_roles(load_settings()) == ["observe", "release", "control"]
    assert all_roles(load_settings(archive={"location": "archive"})) == ["observe", "release", "control", "record"]


def test_record_is_one_of_all_where_there_is_a_key_for_the_audit(tmp_path: Path) -> None:
    settings = load_settings(keys={"private_key_path": tmp_path})
    assert all_roles(settings) == ["observe", "release", "control"]
    (tmp_path / "audit.pem").touch()
    assert all_roles(settings) == ["observe", "release", "control", "record"]


def test_record_asks_for_its_location(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["worker", "--role", "record", "--bootstrap", "127.0.0.1:1"]) == ExitCode.USAGE
    assert "set archive.location, a folder or a file://, s3:// or gs:// URI" in capsys.readouterr().err


def test_what_can_be_archived_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["archive", "write", str(tmp_path), "--bootstrap", "127.0.0.1:1", "--topic"]
    assert run_with([*command, "policies.v1"]) == ExitCode.USAGE
    assert "policies.v1: not among the topics that can be archived: traces.v1, " in capsys.readouterr().err
