"""What a trial left on the broker, held against the core run over the dump of each stage's own input."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import closing
from functools import cache, partial
from typing import NamedTuple

from homeostat.detectors.backtest.replay import split_batches
from homeostat.detectors.stage import Stage
from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.headers import INDEX, MARK, SOURCE_PARTITION, STAGE, find_header
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.topics import ACKS, COMMANDS, ROLE_STAGES, STAGE_INPUTS, TOPICS, Cleanup, state_topic
from homeostat.streams.app import build_finisher, load_role_signers, load_sealer, stage_factories
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.keys import load_masters, load_trust
from tests.chaos.installation import PARTITIONS, Installation

Dump = dict[int, list[LogRecord]]
"""Records of a topic by partition, in order."""

Read = Callable[[str], Dump]

Coordinates = tuple[str, int, int, int]
"""stage, source partition, mark, index."""


class Found(NamedTuple):
    """How a trial ended: what differs from the oracle, and how much was compared."""

    wrong: list[str]
    inputs: dict[str, int]
    outputs: int
    repeats: int
    states: int


class Oracle:
    """The core over the dump of each stage's own input; it goes on where its last comparison ended."""

    def __init__(self, trial: Installation) -> None:
        self._trial = trial
        trust = load_trust(trial.keys.trust)
        self._factories = stage_factories(trust, load_masters(trial.keys.masters))
        self._finishers = {
            name: build_finisher(load_role_signers(role, trial.settings), load_sealer(role, trial.settings))
            for role, names in ROLE_STAGES.items()
            for name in names
        }
        self._cores = {(name, part): self._make(name, part) for name in self._finishers for part in range(PARTITIONS)}
        self._expected: dict[Coordinates, Output] = {}

    def compare(self) -> Found:
        """Hold every stage's state (read-committed scan, fresh restore) and all outputs so far against the core's."""
        read: Read = cache(partial(read_partitions, self._trial))
        wrong: list[str] = []
        states = 0
        for (name, part), core in self._cores.items():
            self._advance(name, core, read(STAGE_INPUTS[name])[part])
            state = core.state_records()
            states += len(state)
            scan = _scan(read(state_topic(name))[part])
            wrong += _compare_state(name, part, self._make(name, part), scan, state)
        found, repeats = _compare_outputs(read, self._expected)
        wrong += found + _compare_commands(self._trial, read(COMMANDS))
        wrong += _compare_obeyed(self._trial, read(ACKS), self._expected)
        inputs = {name: sum(map(len, read(STAGE_INPUTS[name]).values())) for name in self._finishers}
        return Found(wrong, inputs, len(self._expected), repeats, states)

    def _make(self, name: str, part: int) -> Stage:
        return self._factories[name](part, PARTITIONS)

    def _advance(self, name: str, core: Stage, records: Sequence[LogRecord]) -> None:
        finish = self._finishers[name]
        for batch in split_batches((record for record in records if record.offset >= core.next_offset), 500):
            outputs = core.apply(batch)
            core.drain_changes()
            self._expected.update((_coordinates(output.headers), finish(output)) for output in outputs)


def read_partitions(trial: Installation, topic: str) -> Dump:
    """Every committed record of a topic, by partition, in order."""
    records: Dump = {part: [] for part in range(PARTITIONS)}
    with TopicReader(trial.kafka, topic) as reader:
        for row in reader.read():
            records[row.partition].append(row.record)
    return {part: sorted(found, key=lambda record: record.offset) for part, found in records.items()}


def _scan(records: Sequence[LogRecord]) -> dict[bytes, bytes]:
    newest = {record.key or b"": record.value for record in records}
    return {key: value for key, value in newest.items() if value is not None}


def _compare_state(
    name: str, part: int, fresh: Stage, scan: Mapping[bytes, bytes], core: Mapping[bytes, bytes]
) -> list[str]:
    fresh.restore(scan)
    restored = fresh.state_records()
    return [
        f"{name}[{part}] state {kind} {key!r}: {_brief(found.get(key))} instead of {_brief(core.get(key))}"
        for kind, found in (("scan", scan), ("restore", restored))
        for key in sorted(found.keys() | core.keys())
        if found.get(key) != core.get(key)
    ]


def _compare_outputs(read: Read, expected: Mapping[Coordinates, Output]) -> tuple[list[str], int]:
    wrong: list[str] = []
    seen: dict[Coordinates, tuple[str, LogRecord]] = {}
    repeats = 0
    for topic in sorted({output.topic for output in expected.values()}):
        for records in read(topic).values():
            highest: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (-1, -1))
            for record in records:
                at = _coordinates(record.headers)
                if at[0] == "":
                    continue
                if at in seen:
                    repeats += 1
                    if _content(seen[at][1]) != _content(record):
                        wrong.append(f"{topic} {at} was repeated with other bytes")
                elif at[2:] < highest[at[:2]]:
                    wrong.append(f"{topic} {at} comes first after a higher mark of its source")
                seen.setdefault(at, (topic, record))
                highest[at[:2]] = max(highest[at[:2]], at[2:])
    wrong += [f"{topic} {at} should not be there" for at, (topic, _) in seen.items() if at not in expected]
    wrong += [f"{expected[at].topic} {at} is missing" for at in _find_missing(expected, seen.keys())]
    for at, output in expected.items():
        if at in seen and _content(seen[at][1]) != _content_of(output):
            wrong.append(f"{output.topic} {at} differs from the core's")
    return wrong, repeats


def _find_missing(expected: Mapping[Coordinates, Output], seen: Container[Coordinates]) -> Iterator[Coordinates]:
    """What is not there; compaction may have taken a record only where a newer one of its key is."""
    replaced: set[tuple[str, bytes]] = set()
    for at, output in reversed(list(expected.items())):
        if at in seen and TOPICS[output.topic].cleanup is Cleanup.COMPACT:
            replaced.add((output.topic, output.key))
        elif at not in seen and (output.topic, output.key) not in replaced:
            yield at


def _compare_commands(trial: Installation, commands: Dump) -> list[str]:
    """No older desired state after a newer one, none twice but word for word; the gateway has the newest."""
    wrong: list[str] = []
    newest: dict[str, int] = {}
    payloads: dict[tuple[str, int], bytes] = {}
    for records in commands.values():
        for record in records:
            payload = read_envelope(record.value)[1]
            state, _ = parse_message(DesiredState, payload)
            key, generation = state.target.key, state.generation
            if generation < newest.get(key, 0) or payloads.setdefault((key, generation), payload) != payload:
                wrong.append(f"generation {generation} of {key} lies after {newest}")
            newest[key] = generation
    with closing(sqlite3.connect(trial.folder / "gateway.db")) as db:
        held = dict(db.execute("SELECT target, generation FROM desired_state").fetchall())
    return wrong + [f"{t} has {held.get(t)} instead of {g}" for t, g in newest.items() if held.get(t) != g]


def _compare_obeyed(trial: Installation, acks: Dump, expected: Mapping[Coordinates, Output]) -> list[str]:
    """What the gateway has obeyed, and said so: every desired state of the core, in order, each once, byte for byte."""
    wanted: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for output in expected.values():
        if output.topic == COMMANDS:
            payload = read_envelope(output.value)[1]
            state, _ = parse_message(DesiredState, payload)
            wanted[state.target.key].add((state.generation, digest_bytes(payload)))
    obeyed: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with closing(sqlite3.connect(trial.folder / "gateway.db")) as db:
        for target, generation, digest in db.execute(
            "SELECT target, generation, state_digest FROM history ORDER BY id"
        ):
            obeyed[target].append((generation, digest))
    acknowledged = _find_acknowledged(acks)
    return [
        f"{target} obeyed {obeyed[target]} instead of {wanted[target]}"
        for target in sorted(wanted.keys() | obeyed.keys())
        if obeyed[target] != sorted(wanted[target])
    ] + [
        f"{target} obeyed {state} and never said so"
        for target, states in obeyed.items()
        for state in states
        if (target, *state) not in acknowledged
    ]


def _find_acknowledged(acks: Dump) -> set[tuple[str, int, str]]:
    """Target, generation and digest of every state that the gateway says to have applied."""
    payloads = [read_envelope(row.value)[1] for records in acks.values() for row in records]
    found = [parse_message(Acknowledgement, payload)[0] for payload in payloads]
    return {(ack.target.key, ack.generation, ack.state_digest) for ack in found if ack.outcome is AckOutcome.APPLIED}


def read_newest_generations(trial: Installation) -> dict[str, int]:
    """By target, the generation of its newest desired state on the topic."""
    states = [
        parse_message(DesiredState, read_envelope(record.value)[1])[0]
        for records in read_partitions(trial, COMMANDS).values()
        for record in records
    ]
    return {state.target.key: state.generation for state in states}


def _coordinates(headers: Sequence[tuple[str, bytes]]) -> Coordinates:
    stage, *numbers = (find_header(headers, name) for name in (STAGE, SOURCE_PARTITION, MARK, INDEX))
    if stage is None or None in numbers:
        return "", -1, -1, -1
    part, mark, index = (int(number or b"-1") for number in numbers)
    return stage.decode(), part, mark, index


def _content(record: LogRecord) -> tuple[object, ...]:
    return record.key, record.value, record.timestamp, tuple(record.headers)


def _content_of(output: Output) -> tuple[object, ...]:
    return output.key, output.value, output.timestamp, tuple(tuple(header) for header in output.headers)


def _brief(value: bytes | None) -> str:
    return "nothing" if value is None else f"{len(value)} bytes {value[:24].hex()}"
