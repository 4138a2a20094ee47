"""The check of a trial: state and outputs against the toy stage run over the dump of the input."""

import re
from collections import defaultdict
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

from homeostat.schemas.log import Output
from tests.integration.toy_stage import ToyStage
from tests.integration.toy_trial import Seen, Trial

_SKIPPED = re.compile(r"find leader endpoint for partitions \w*\(([^)]*)\) while trying to send transaction markers")


class Found(NamedTuple):
    """What differs from the oracle; each empty when the trial was exact."""

    state: list[str]
    outputs: list[str]


def find_skipped(log_dir: Path) -> frozenset[str]:
    """Partitions to which a broker that was killed never sent the markers of a transaction that it calls committed.

    Kafka 4.3, started again, sends the markers of prepared transactions before it knows any partition's leader, takes
    those for deleted and completes the transaction without them. What was in it cannot be read until the next one of
    the same producer ends, so it is done again.
    """
    text = "".join(path.read_text(errors="replace") for path in sorted(log_dir.glob("server.log*")))
    return frozenset(name.strip() for names in _SKIPPED.findall(text) for name in names.split(","))


def compare(trial: Trial, skipped: Set[str] = frozenset()) -> Found:
    """Hold state and outputs against the toy stage run over the dump of the input.

    Only partitions whose markers the broker `skipped` may hold repeats of what was written in transactions.
    """
    state: dict[int, dict[bytes, bytes | None]] = {partition: {} for partition in range(trial.partitions)}
    for seen in trial.read(trial.state):
        state[seen.partition][seen.key] = seen.value
    wrong_state: list[str] = []
    expected: list[Output] = []
    for partition, records in trial.dump().items():
        oracle = ToyStage(partition, trial.partitions, trial.appended, trial.latest)
        expected += oracle.apply(records)
        scanned = {key: value for key, value in state[partition].items() if value is not None}
        wrong_state += _differences(partition, "scan", scanned, oracle.state_records())
        restored = ToyStage(partition, trial.partitions)
        restored.restore(scanned)
        wrong_state += _differences(partition, "restore", restored.state_records(), oracle.state_records())
    return Found(wrong_state, _wrong_outputs(trial, expected, skipped))


def _differences(partition: int, kind: str, found: dict[bytes, bytes], wanted: dict[bytes, bytes]) -> list[str]:
    keys = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    return [f"{kind} [{partition}] {key!r}: {found.get(key)!r} != {wanted.get(key)!r}" for key in keys]


def _wrong_outputs(trial: Trial, expected: list[Output], skipped: Set[str]) -> list[str]:
    appended = trial.read(trial.appended)
    latest = trial.read(trial.latest)
    wrong = [f"{trial.appended} {text}" for text in _against(appended, expected, trial.appended)]
    wrong += [f"{trial.latest} {text}" for text in _against(latest, expected, trial.latest)]
    wrong += [f"{trial.latest} {seen.coordinates} twice" for seen in latest if latest.count(seen) > 1]
    marked = [seen.coordinates for seen in latest if f"{trial.latest}-{seen.partition}" not in skipped]
    if len(marked) != len(set(marked)):
        wrong.append(f"{trial.latest} holds repeats, although it is written in transactions")
    return wrong


def _against(found: list[Seen], expected: list[Output], topic: str) -> Iterator[str]:
    first: dict[tuple[int, int, int], Seen] = {}
    highest: dict[tuple[int, int], tuple[int, int]] = defaultdict(lambda: (-1, -1))
    for seen in found:
        source, mark, index = seen.coordinates
        if seen.coordinates in first:
            if seen.content != first[seen.coordinates].content:
                yield f"{seen.coordinates} repeated with other bytes"
        elif (mark, index) < highest[seen.partition, source]:
            yield f"{seen.coordinates} first seen after a higher mark of its source"
        first.setdefault(seen.coordinates, seen)
        highest[seen.partition, source] = max(highest[seen.partition, source], (mark, index))
    wanted = {
        Seen(0, 0, o.key, o.value, o.timestamp, tuple(o.headers)).coordinates: (o.key, o.value, o.timestamp, o.headers)
        for o in expected
        if o.topic == topic
    }
    for coordinates in sorted(first.keys() | wanted.keys()):
        if coordinates not in first:
            yield f"{coordinates} is missing"
        elif coordinates not in wanted:
            yield f"{coordinates} is nobody's"
        elif first[coordinates].content != (*wanted[coordinates][:3], tuple(wanted[coordinates][3])):
            yield f"{coordinates} differs from the oracle"
