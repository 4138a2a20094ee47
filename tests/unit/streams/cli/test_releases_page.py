"""docs/releases.md: every command that needs no broker runs as it stands, with the output that the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from homeostat.streams.cli.main import run_with

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "releases.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```)?", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [
    (line, shown)
    for lines, shown in BLOCKS
    for line in lines.splitlines()
    if "docs/examples/" in line and "apply" not in line
]
REFUSED = {"too-new.yaml": 4, "--release": 4, "release diff": 1}


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 7
    assert sum(bool(shown) for _, shown in COMMANDS) == 1


@pytest.mark.parametrize(("line", "shown"), COMMANDS, ids=[line for line, _ in COMMANDS])
def test_a_command_does_what_the_page_says(
    line: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    expected = next((code for word, code in REFUSED.items() if word in line), 0)
    assert run_with(shlex.split(line)[1:]) == expected
    said = capsys.readouterr()
    assert shown in said.out + said.err


def test_the_resolved_release_can_be_applied_and_the_examples_overrides_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder, out = "docs/examples/registry", tmp_path / "release.yaml"
    assert run_with(["registry", "resolve", f"{folder}/draft.yaml", "--folder", folder, "--out", str(out)]) == 0
    digest = capsys.readouterr().out.split()[0]
    assert run_with(["apply", "--dry-run", str(out), f"{folder}/overrides.yaml"]) == 0
    applied = capsys.readouterr().out
    assert f"checked {digest} on releases.v1" in applied
    assert "checked riverside/-/visit-note on overrides.v1" in applied
