"""The wheel, built from the sdist, brings one package and leaves a user's own `schemas` alone."""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("schemas", "detectors", "infra", "streams")
PROBE = """
import json, sys
import schemas, homeostat.schemas.log
print(json.dumps([schemas.__file__, schemas.OWNER, homeostat.schemas.log.__file__, "detectors" in sys.modules]))
"""


def is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "homeostat", tree / "homeostat", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)]
    subprocess.run(command, check=True, capture_output=True, timeout=90)
    (built,) = out.glob("*.whl")
    return built


def test_wheel_holds_one_package_and_all_of_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"homeostat"}
    sources = {f"homeostat/{path.relative_to(ROOT)}" for folder in FOLDERS for path in (ROOT / folder).rglob("*")
               if is_source(path)}  # fmt: skip
    assert sources - set(names) == set()
    assert "homeostat/py.typed" in names


def test_wheel_beside_a_users_own_schemas(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*install, "--no-compile", str(wheel)], check=True, capture_output=True, timeout=60)
    (site,) = home.glob("lib/python3*/site-packages")
    (site / "schemas").mkdir()
    (site / "schemas" / "__init__.py").write_text("OWNER = 'the user'\n")
    probe = subprocess.run([python, "-P", "-c", PROBE], check=True, capture_output=True, text=True, cwd=tmp_path)
    users, owner, ours, leaked = json.loads(probe.stdout)
    assert (Path(users), owner) == (site / "schemas" / "__init__.py", "the user")
    assert Path(ours) == site / "homeostat" / "schemas" / "log.py"
    assert leaked is False
