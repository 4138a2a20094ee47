"""Replays a decision: the guard over the records it read, and the decision that comes out, byte for byte."""

from collections.abc import Sequence
from typing import NamedTuple

from homeostat.detectors.guard.stage import GuardStage
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.control import CONTROL_HEADER, ControlType
from homeostat.schemas.decision import Decision
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import DECISIONS

_BATCH_RECORDS = 1_000


class Course(NamedTuple):
    """Where the guard read, and how many partitions its topic has; the mark is the offset that decided."""

    partition: int
    partitions: int
    mark: int


def replay(records: Sequence[LogRecord], course: Course, trust: TrustStore) -> list[bytes]:
    """The decisions, unsigned, that a new guard takes at the mark."""
    stage = GuardStage(course.partition, course.partitions, course.partitions, trust)
    before = [record for record in records if record.offset < course.mark]
    for start in range(0, len(before), _BATCH_RECORDS):
        stage.apply(before[start : start + _BATCH_RECORDS])
        stage.drain_changes()
    outputs = stage.apply([record for record in records if record.offset == course.mark])
    return [output.value for output in outputs if output.topic == DECISIONS and output.value is not None]


def find_window(
    records: Sequence[LogRecord], course: Course, rollout: str, payload: bytes, trust: TrustStore
) -> int | None:
    """From which record on the log is enough to decide the same; None where it is not.

    A guard that begins at a snapshot knows every document; what it cannot know is a rollout that was under way before.
    So the snapshots before the rollout's first record are tried, the newest first and each time twice as far back, and
    then the whole log.
    """
    first = next((at for at, record in enumerate(records) if record.key == rollout.encode()), len(records))
    begins = [at for at in range(first) if _is_snapshot(records[at])]
    tried = [begins[-(1 << power)] for power in range(len(begins).bit_length()) if 1 << power <= len(begins)]
    for at in dict.fromkeys([*tried, 0]):
        if payload in replay(records[at:], course, trust):
            return at
    return None


def tell_difference(expected: bytes, found: Sequence[bytes]) -> list[str]:
    """Which fields of the decision came out otherwise; empty for the same bytes."""
    if expected in found:
        return []
    if not found:
        return ["at the mark no decision was taken"]
    old, new = (Decision.model_validate_json(each).model_dump(mode="json") for each in (expected, found[0]))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name}: recorded {_short(old.get(name))}, replayed {_short(new.get(name))}" for name in names] or [
        "the same fields in other bytes"
    ]


def _is_snapshot(record: LogRecord) -> bool:
    return find_header(record.headers, CONTROL_HEADER) == ControlType.SNAPSHOT_BEGIN.value.encode()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
