"""The import contracts hold, and a broken one is noticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "detectors", "infra", "streams")


def run_contracts(root: Path) -> subprocess.CompletedProcess[str]:
    # run from the tree, so that its `homeostat` is found before the installed one
    program = (
        "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    command = [sys.executable, "-P", "-c", program, "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def copy_tree(target: Path) -> Path:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "homeostat", target / "homeostat", symlinks=True)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def test_contracts_hold(tmp_path: Path) -> None:
    result = run_contracts(copy_tree(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("schemas/broken.py", "import homeostat.detectors.stage", "streams -> {detectors, infra} -> schemas"),
        ("detectors/broken.py", "import homeostat.streams.settings", "streams -> {detectors, infra} -> schemas"),
        ("detectors/broken.py", "import homeostat.infra", "streams -> {detectors, infra} -> schemas"),
        ("infra/broken.py", "import homeostat.streams.settings", "streams -> {detectors, infra} -> schemas"),
        ("detectors/broken.py", "import faust", "no Faust, no Kafka, no clock"),
        ("detectors/broken.py", "import time", "no Faust, no Kafka, no clock"),
        ("schemas/broken.py", "import logging", "no Faust, no Kafka, no clock"),
        ("schemas/broken.py", "import numpy", "schemas: pydantic, rfc8785"),
    ],
)
def test_broken_contract_is_noticed(tmp_path: Path, module: str, statement: str, contract: str) -> None:
    tree = copy_tree(tmp_path)
    (tree / module).write_text(f"{statement}\n")
    result = run_contracts(tree)
    assert result.returncode == 1, result.stdout + result.stderr
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), result.stdout
