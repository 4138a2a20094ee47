"""Golden bytes: what a version wrote once is read by every later build, and written the same by its own version."""

import json
from pathlib import Path
from typing import Any

import pytest

from homeostat.schemas.base import VERSION, Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.parsing import parse_message
from tests.golden.examples import all_examples
from tests.golden.write import FOLDER, write_missing

FILES = sorted(FOLDER.glob("[0-9]*/*.json"))


def read(path: Path) -> Message:
    message, ignored = parse_message(MESSAGES[path.stem], path.read_bytes())
    assert ignored == 0
    return message


def test_every_type_has_golden_bytes_in_this_version() -> None:
    assert {path.stem for path in FILES if path.parent.name == VERSION} == set(MESSAGES)
    assert set(all_examples()) == set(MESSAGES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_bytes_are_read_with_every_value(path: Path) -> None:
    assert_holds(read(path).model_dump(mode="json"), json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name == VERSION], ids=lambda path: path.stem)
def test_this_version_writes_its_golden_bytes(path: Path) -> None:
    assert to_json(read(path)) + b"\n" == path.read_bytes()


def test_golden_files_are_written_once(tmp_path: Path) -> None:
    assert {path.stem for path in write_missing(tmp_path)} == set(MESSAGES)
    kept = tmp_path / "homeostat.lease.json"
    kept.write_bytes(b"{}\n")
    assert write_missing(tmp_path) == []
    assert kept.read_bytes() == b"{}\n"


def assert_holds(found: Any, expected: Any) -> None:
    """Everything that the file says is there; a later version may say more."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_holds(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_holds(one, other)
    else:
        assert found == expected
