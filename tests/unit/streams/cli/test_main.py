import subprocess
import sys
from pathlib import Path

import pytest

from homeostat.schemas.errors import BrokerUnavailable, DocumentInvalid, HomeostatError, SignatureRefused, TopicsUnfit
from homeostat.schemas.reasons import Refusal
from homeostat.streams.cli.exit_codes import MEANINGS, ExitCode, exit_code_of
from homeostat.streams.cli.lazy_group import LazyCommand, LazyGroup
from homeostat.streams.cli.main import COMMANDS, run_with
from homeostat.streams.errors import SettingsInvalid

HEAVY = ("aiokafka", "confluent_kafka", "faust", "matplotlib", "numba", "numpy", "pydantic", "pyarrow", "river")


def add_command(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    (folder / "probe_command.py").write_text(body)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "probe_command", raising=False)
    command = LazyCommand("version", "probe_command", "A probe.", "Look at it")
    monkeypatch.setitem(LazyGroup.table, "version", command)


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["--help"]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in text
    for code in MEANINGS:
        assert f" {code.value}  " in text


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from homeostat.streams.cli.main import run_with; run_with(['--help']);"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(["version"]) == 0
    assert capsys.readouterr().out.strip().count(".") == 2


@pytest.mark.parametrize("args", [["dmo"], ["--nonsense"], ["version", "too", "many"]])
def test_usage_errors(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(args) == ExitCode.USAGE
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsInvalid("x"), ExitCode.USAGE),
        (BrokerUnavailable("x"), ExitCode.ENVIRONMENT),
        (TopicsUnfit("x"), ExitCode.ENVIRONMENT),
        (DocumentInvalid("x"), ExitCode.REFUSED),
        (SignatureRefused(Refusal.SIGNATURE_BAD), ExitCode.REFUSED),
        (HomeostatError("x"), ExitCode.FOUND_WRONG),
    ],
)
def test_exit_code_of(error: HomeostatError, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_an_error_is_one_clean_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "from homeostat.schemas.errors import BrokerUnavailable\n"
    body += "def version() -> None:\n    raise BrokerUnavailable('no broker at [::1]:9092:\\n start one')\n"
    add_command(monkeypatch, tmp_path, body)
    assert run_with(["version"]) == ExitCode.ENVIRONMENT
    assert capsys.readouterr().err.splitlines() == ["error: no broker at [::1]:9092: start one"]
    with pytest.raises(BrokerUnavailable):
        run_with(["--debug", "version"])


def test_a_defect_has_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_command(monkeypatch, tmp_path, "def app() -> None:\n    {}['missing']\n")
    assert run_with(["version"]) == ExitCode.DEFECT
    assert capsys.readouterr().err.startswith("defect: KeyError: 'missing'")


def test_a_group_keeps_its_own_commands_and_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "import typer\napp = typer.Typer()\n"
    body += "@app.command()\ndef check() -> None:\n    raise typer.Exit(1)\n"
    body += "@app.command()\ndef create(name: str) -> None:\n    typer.echo(name)\n"
    add_command(monkeypatch, tmp_path, body)
    assert run_with(["version", "check"]) == ExitCode.FOUND_WRONG
    assert run_with(["version", "create", "here"]) == ExitCode.OK
    assert capsys.readouterr().out == "here\n"
    assert run_with(["version", "create"]) == ExitCode.USAGE


def test_missing_command_and_missing_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = LazyCommand("version", "homeostat.streams.cli.absent", "Not there.", "Look at it")
    monkeypatch.setitem(LazyGroup.table, "version", absent)
    assert run_with(["version"]) == ExitCode.ENVIRONMENT
    assert "this build has no `homeostat version`" in capsys.readouterr().err
    add_command(monkeypatch, tmp_path, "import no_such_module_anywhere\n")
    assert run_with(["version"]) == ExitCode.ENVIRONMENT
    assert "needs the module no_such_module_anywhere" in capsys.readouterr().err


def test_global_options_reach_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "import typer\nfrom homeostat.streams.cli.session import print_json, settings_of\n"
    body += "def version(ctx: typer.Context, bootstrap: str | None = None) -> None:\n"
    body += "    got = settings_of(ctx, kafka={'bootstrap_servers': bootstrap})\n"
    body += "    print_json([got.kafka.bootstrap_servers, got.log_level])\n"
    add_command(monkeypatch, tmp_path, body)
    (tmp_path / "given.toml").write_text('[kafka]\nbootstrap_servers = "file:1"\n')
    config = ["--config", str(tmp_path / "given.toml"), "--log-level", "debug"]
    assert run_with([*config, "version"]) == ExitCode.OK
    assert capsys.readouterr().out.split() == ["[", '"file:1",', '"debug"', "]"]
    assert run_with([*config, "version", "--bootstrap", "line:1"]) == ExitCode.OK
    assert '"line:1"' in capsys.readouterr().out
