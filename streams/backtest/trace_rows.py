"""Bare traces from files: JSON lines, or Parquet with one column a field of a trace."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.trace import FeedbackTrace, WorkTrace
from homeostat.streams.backtest.dump_file import Advance, is_parquet
from homeostat.streams.trace_file import parse_trace, read_trace_file

_BATCH_ROWS = 5_000
_MAPS = {"signals", "categories"}


class TraceRow(NamedTuple):
    """One row: a trace, or why it is none."""

    number: int
    trace: WorkTrace | FeedbackTrace | None
    refusal: PoisonRecord | None = None


def read_traces(path: Path, advance: Advance = lambda _: None) -> Iterator[TraceRow]:
    """Every row in the file's order. In Parquet `signals` and `categories` are structs or maps; nulls are left out."""
    if is_parquet(path):
        yield from _read_parquet(path, advance)
        return
    for line in read_trace_file(path):
        yield TraceRow(line.number, line.trace, line.refusal)
        advance(line.end_bytes)


def _read_parquet(path: Path, advance: Advance) -> Iterator[TraceRow]:
    number = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                try:
                    yield TraceRow(number, parse_trace(json.dumps(_clean(row), default=str).encode()))
                except PoisonRecord as refusal:
                    yield TraceRow(number, None, refusal)
            advance(number)


def _clean(row: dict[str, Any]) -> dict[str, Any]:
    """Drop nulls, and turn maps, which come as pairs, into objects."""
    kept = {name: value for name, value in row.items() if value is not None}
    for name in _MAPS & kept.keys():
        pairs = kept[name].items() if isinstance(kept[name], dict) else kept[name]
        kept[name] = {key: value for key, value in pairs if value is not None}
    return kept
