"""What README.md and the guides tell people to type exists."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from homeostat.streams.cli.main import run_with
from homeostat.streams.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(homeostat [a-z][^`]*|make [^`]*)`")


def find_commands(program: str) -> list[str]:
    found: set[str] = set()
    for page in PAGES:
        text = page.read_text()
        blocks = [body for language, body in FENCE.findall(text) if language in {"sh", "bash", "console"}]
        lines = [line.strip().removeprefix("$ ") for body in blocks for line in body.splitlines()]
        found.update(line for line in [*lines, *INLINE.findall(text)] if line.startswith(f"{program} "))
    return sorted(line for line in found if not re.search(r"[|…]|[A-Z]{4}", line))


def test_readme_has_commands() -> None:
    assert {"homeostat topics create --partitions 16", "make demo"} <= {
        *find_commands("homeostat"),
        *find_commands("make"),
    }


@pytest.mark.parametrize("line", find_commands("homeostat"))
def test_cli_knows_every_command(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    args = shlex.split(line, comments=True)[1:]
    # --help comes last, so that what stands before it has been read: an unknown command or option fails here
    assert run_with([*args, "--help"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", find_commands("make"))
def test_make_knows_every_target(line: str) -> None:
    subprocess.run(["make", "--dry-run", *shlex.split(line)[1:]], cwd=ROOT, check=True, capture_output=True)


def test_backtest_of_the_readme_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (line,) = [line for line in find_commands("homeostat") if line.startswith("homeostat backtest docs/")]
    assert run_with(shlex.split(line)[1:]) == 0
    assert "target gateway-1/riverside/visit-note: generation" in capsys.readouterr().out


def test_toml_in_readme_is_settings() -> None:
    blocks = [body for language, body in FENCE.findall((ROOT / "README.md").read_text()) if language == "toml"]
    assert blocks
    for body in blocks:
        Settings.model_validate(tomllib.loads(body))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
