"""Traces in a file: JSON lines, one `WorkTrace` or `FeedbackTrace` a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.trace import FeedbackTrace, WorkTrace

_ANY_TOKEN = f"file:{'0' * 32}"


class Line(NamedTuple):
    """One line: a trace, or why it is none; `end_bytes` is where it ends in the file."""

    number: int
    end_bytes: int
    trace: WorkTrace | FeedbackTrace | None
    refusal: PoisonRecord | None = None


def read_trace_file(path: Path) -> Iterator[Line]:
    """Every line that is not blank, in order. Feedback may leave `work_token` out: whoever publishes it issues one."""
    end = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            end += len(line)
            if line.strip():
                yield _read_line(number, end, line)


def _read_line(number: int, end: int, line: bytes) -> Line:
    try:
        return Line(number, end, parse_trace(line))
    except PoisonRecord as refusal:
        return Line(number, end, None, refusal)


def parse_trace(line: bytes) -> WorkTrace | FeedbackTrace:
    """One trace from JSON; feedback may leave `work_token` out. Raises `PoisonRecord`."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        raise PoisonRecord(Refusal.NOT_JSON, "not a line of JSON") from None
    if not isinstance(body, dict):
        raise PoisonRecord(Refusal.SCHEMA, "not an object")
    if body.get("kind") == "feedback":
        return parse_message(FeedbackTrace, json.dumps({"work_token": _ANY_TOKEN, **body}).encode())[0]
    return parse_message(WorkTrace, line)[0]
