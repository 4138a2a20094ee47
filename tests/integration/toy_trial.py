"""One trial of the transport: topics of its own, workers as processes, and the check against the oracle.

Everything here goes through librdkafka, not through the client under test.
"""

import json
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from homeostat.schemas.headers import INDEX, MARK, SOURCE_PARTITION, find_header
from homeostat.schemas.log import LogRecord, Output
from tests.integration.toy_stage import ToyStage

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
KEYS = 40


class Seen(NamedTuple):
    """One record as a reader found it."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...]

    @property
    def content(self) -> tuple[object, ...]:
        return self.key, self.value, self.timestamp, self.headers

    @property
    def coordinates(self) -> tuple[int, int, int]:
        """Source partition, mark, index."""
        found = [find_header(self.headers, name) for name in (SOURCE_PARTITION, MARK, INDEX)]
        return int(found[0] or b"-1"), int(found[1] or b"-1"), int(found[2] or b"-1")


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = 60.0) -> None:
    """Ask again and again; the pause is taken by the question itself, or is a short one."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit_s:g} s for {what}"
        time.sleep(0.02)


class WorkerProcess:
    """One worker of the toy stage."""

    def __init__(self, options: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.integration.toy_worker", json.dumps(options)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.log_lines: list[str] = []

    def health(self, path: str) -> httpx.Response:
        return httpx.get(f"http://{self.address}{path}", timeout=5.0)

    @property
    def address(self) -> str:
        if not hasattr(self, "_address"):
            assert self.process.stdout is not None
            self._address = self.process.stdout.readline().strip()
        return self._address

    def is_ready(self) -> bool:
        return self.process.poll() is None and self.health("/ready").status_code == 200

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, limit_s: float = 15.0) -> int:
        """Send a signal, wait for the end, give the exit code."""
        self.send(number)
        return self.wait(limit_s)

    def wait(self, limit_s: float = 60.0) -> int:
        _, errors = self.process.communicate(timeout=limit_s)
        self.log_lines += errors.splitlines()
        return self.process.returncode

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.log_lines)


class Trial:
    """Topics and group of one trial on a broker."""

    def __init__(self, bootstrap: str, partitions: int = PARTITIONS, **options: str) -> None:
        self.name = uuid.uuid4().hex[:8]
        self.partitions = partitions
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.input, self.state = f"{self.name}.in", f"{self.name}.state"
        self.appended, self.latest = f"{self.name}.out", f"{self.name}.latest"
        self.options = {
            "bootstrap": bootstrap,
            "prefix": self.name,
            "input": self.input,
            "state": self.state,
            "appended": self.appended,
            "latest": self.latest,
            **options,
        }
        self.random = random.Random(7)
        self._workers: list[WorkerProcess] = []
        compact = {"cleanup.policy": "compact"}
        self.create(
            NewTopic(self.input, partitions),
            NewTopic(self.appended, partitions),
            NewTopic(self.state, partitions, config=compact),
            NewTopic(self.latest, partitions, config=compact),
        )

    def create(self, *topics: NewTopic) -> None:
        for made in self.admin.create_topics(list(topics)).values():
            made.result(30)

    def start(self, **options: str) -> WorkerProcess:
        worker = WorkerProcess({**self.options, **options})
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.send(signal.SIGCONT)
                worker.end(signal.SIGKILL)

    def produce(self, number: int, value: Callable[[int], bytes] = lambda n: b"%d" % n) -> None:
        producer = Producer(self._client() | {"partitioner": "murmur2_random", "linger.ms": 5, "acks": "all"})
        for n in range(number):
            producer.produce(self.input, key=self._key(), value=value(n))
            producer.poll(0)
        assert producer.flush(30) == 0

    def produce_in_transactions(self, number: int, each: int) -> None:
        """Write transactions of `each` records; every third one is aborted."""
        producer = Producer(
            self._client()
            | {"partitioner": "murmur2_random", "transactional.id": f"{self.name}-{self.random.random()}"}
        )
        producer.init_transactions(30)
        for n in range(number // each):
            producer.begin_transaction()
            for m in range(each):
                producer.produce(self.input, key=self._key(), value=b"%d" % m)
            producer.flush(30)
            producer.abort_transaction(30) if n % 3 == 2 else producer.commit_transaction(30)

    def read(self, topic: str, isolation: str = "read_committed") -> list[Seen]:
        """Read a topic to the end that it has now, partition after partition."""
        end = self._ends(topic, isolation)
        reader = Consumer(
            self._client()
            | {"group.id": "none", "enable.auto.commit": False, "isolation.level": isolation,
               "enable.partition.eof": True, "fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 2}
        )  # fmt: skip
        open_partitions = {partition for partition, offset in end.items() if offset > 0}
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in open_partitions])
        seen: list[Seen] = []
        while open_partitions:
            for message in reader.consume(1000, 1.0):
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    open_partitions.discard(message.partition())
                else:
                    seen.append(_seen(message))
        reader.close()
        return sorted(seen)

    def dump(self) -> dict[int, list[LogRecord]]:
        """The input as a reader of committed records sees it."""
        records: dict[int, list[LogRecord]] = {partition: [] for partition in range(self.partitions)}
        for seen in self.read(self.input):
            records[seen.partition].append(LogRecord(seen.offset, seen.timestamp, seen.key, seen.value, seen.headers))
        return records

    def committed(self) -> dict[int, int]:
        """What the group has committed."""
        group = f"{self.name}-trial"
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        return {item.partition: item.offset for item in asked[group].result(30).topic_partitions or []}

    def wait_processed(self, limit_s: float = 60.0) -> None:
        ends = {partition: records[-1].offset + 1 for partition, records in self.dump().items() if records}

        def is_done() -> bool:
            committed = self.committed()
            return all(committed.get(partition, 0) >= end for partition, end in ends.items())

        wait_until(is_done, f"the group to commit {ends}", limit_s)

    def _key(self) -> bytes:
        return b"key-%d" % self.random.randrange(KEYS)

    def _client(self) -> dict[str, str | int | float | bool]:
        return {"bootstrap.servers": self.bootstrap}

    def _ends(self, topic: str, isolation: str) -> dict[int, int]:
        level = IsolationLevel.READ_COMMITTED if isolation == "read_committed" else IsolationLevel.READ_UNCOMMITTED
        asked = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(self.partitions)}
        found = self.admin.list_offsets(asked, isolation_level=level)
        return {tp.partition: result.result(30).offset for tp, result in found.items()}


@contextmanager
def trial_on(bootstrap: str, **options: str) -> Iterator[Trial]:
    """A trial whose workers end with it."""
    trial = Trial(bootstrap, **options)
    try:
        yield trial
    finally:
        trial.close()


class Found(NamedTuple):
    """What differs from the oracle; each empty when the trial was exact."""

    state: list[str]
    outputs: list[str]


def compare(trial: Trial) -> Found:
    """Hold state and outputs against the toy stage run over the dump of the input."""
    state = {partition: {} for partition in range(trial.partitions)}  # type: dict[int, dict[bytes, bytes | None]]
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
    return Found(wrong_state, _wrong_outputs(trial, expected))


def _differences(partition: int, kind: str, found: dict[bytes, bytes], wanted: dict[bytes, bytes]) -> list[str]:
    keys = sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key))
    return [f"{kind} [{partition}] {key!r}: {found.get(key)!r} != {wanted.get(key)!r}" for key in keys]


def _wrong_outputs(trial: Trial, expected: list[Output]) -> list[str]:
    appended = trial.read(trial.appended)
    latest = trial.read(trial.latest)
    wrong = [f"{trial.appended} {text}" for text in _against(appended, expected, trial.appended)]
    wrong += [f"{trial.latest} {text}" for text in _against(latest, expected, trial.latest)]
    wrong += [f"{trial.latest} {seen.coordinates} twice" for seen in latest if latest.count(seen) > 1]
    if len(latest) != len({seen.coordinates for seen in latest}):
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


def _seen(message: object) -> Seen:
    timestamp = message.timestamp()[1]  # type: ignore[attr-defined]  # the library's stub hides its class
    headers = tuple((name, bytes(value)) for name, value in message.headers() or ())  # type: ignore[attr-defined]
    return Seen(
        message.partition(),  # type: ignore[attr-defined]
        message.offset(),  # type: ignore[attr-defined]
        message.key(),  # type: ignore[attr-defined]
        message.value(),  # type: ignore[attr-defined]
        timestamp,
        headers,
    )
