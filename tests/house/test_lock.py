"""Lock files carry hashes and no host names, and cover what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted([*ROOT.glob("*.lock"), *(ROOT / "infra").rglob("*.lock.*")])
URL = re.compile(r"[a-z+]+://|\b[\w-]+\.(?:org|com|net|io)/", re.IGNORECASE)


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9.-]+)==([^ ]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def name_of(requirement: str) -> str:
    return re.split(r"[\s\[<>=!;~]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_locks_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in LOCKS}
    assert names >= {"requirements.lock", "requirements-image.lock", "infra/broker/kafka.lock.toml"}


@pytest.mark.parametrize("lock", LOCKS, ids=[str(path.relative_to(ROOT)) for path in LOCKS])
def test_lock_names_no_host(lock: Path) -> None:
    found = [f"{number}: {line}" for number, line in enumerate(lock.read_text().splitlines(), 1) if URL.search(line)]
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-image.lock"])
def test_every_locked_package_has_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    unhashed = [entry.splitlines()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry]
    assert unhashed == []


def test_lock_covers_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = [item for items in project["project"]["optional-dependencies"].values() for item in items]
    asked = [*project["project"]["dependencies"], *extras, *project["dependency-groups"]["dev"]]
    wanted = {name_of(item) for item in asked}
    assert wanted - set(pins(ROOT / "requirements.lock")) == set()


def test_image_has_the_versions_that_were_tested() -> None:
    tested, image = pins(ROOT / "requirements.lock"), pins(ROOT / "requirements-image.lock")
    assert {name: found for name, found in image.items() if not found <= tested.get(name, set())} == {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {name_of(item) for item in project["project"]["dependencies"]} - set(image) == set()
