"""A dump holds exactly what the topic held, in both formats; what is no dump is told apart."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, count_units, read_dump, read_head, write_dump

HEAD = DumpHead("traces.v1", 3)
_BYTES = st.none() | st.binary(max_size=20) | st.text(max_size=10).map(str.encode)
_HEADERS = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=8)), max_size=3)
_RECORDS = st.builds(LogRecord, st.integers(0, 2**62), st.integers(0, 2**41), _BYTES, _BYTES, _HEADERS)
_ROWS = st.lists(st.builds(DumpRow, st.integers(0, 2), _RECORDS), max_size=8)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@given(rows=_ROWS)
def test_every_record_comes_back_exactly(
    suffix: str, rows: list[DumpRow], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("dump") / f"dump.{suffix}"
    assert write_dump(path, HEAD, rows) == len(rows)
    assert read_head(path) == HEAD
    passed: list[int] = []
    assert list(read_dump(path, passed.append)) == rows
    assert not rows or passed[-1] == count_units(path)


@pytest.mark.parametrize("text", ["", "{}", '{"dump": "other"}', "[1]", "no json", '{"kind": "work"}'])
def test_another_file_is_no_dump(tmp_path: Path, text: str) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(text)
    assert read_head(path) is None


@pytest.mark.parametrize("line", ["{}", "no json", '{"partition": 0, "offset": 1, "timestamp": 2, "key_base64": "?"}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_text(f"{HEAD.to_json()}\n{line}\n")
    with pytest.raises(DocumentInvalid, match=r"dump\.jsonl:2"):
        list(read_dump(path))
