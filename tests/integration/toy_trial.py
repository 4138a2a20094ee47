"""One trial of the transport: topics of its own, and workers as processes.

Everything here goes through librdkafka, not through the client under test.
"""

import multiprocessing
import os
import random
import re
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import httpx
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from homeostat.schemas.headers import INDEX, MARK, SOURCE_PARTITION, find_header
from homeostat.schemas.log import LogRecord
from tests.builders.waiting import LIMIT_S, wait_for
from tests.integration.toy_worker import run_toy_worker

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.integration.toy_worker"])
PARTITIONS = 4
KEYS = 40
LAST_LINES = 60


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


class WorkerProcess:
    """One worker of the toy stage."""

    def __init__(self, options: dict[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="toy-worker-"))
        self._process = FORKS.Process(target=run_toy_worker, args=(options, self._folder))
        self._process.start()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still after SIGSTOP."""
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def health(self, path: str) -> httpx.Response:
        """Ask the worker's own server."""
        file = self._folder / "address"
        wait_for(lambda: file.exists() and file.stat().st_size > 0, "the worker to listen")
        return httpx.get(f"http://{file.read_text()}{path}", timeout=5.0)

    def metric(self, name: str) -> float:
        """The sum of a metric over all its labels."""
        values = re.findall(rf"(?m)^{name}(?:{{.*?}})? (\S+)", self.health("/metrics").text)
        return sum(map(float, values))

    def assigned(self) -> int:
        """How many partitions it serves; -1 while they are not all restored."""
        answer = self.health("/ready")
        return int(answer.json()["assigned"]) if answer.status_code == 200 else -1

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM, limit_s: float = LIMIT_S) -> int:
        """Send a signal, wait for the end, give the exit code (minus the signal's number for a kill)."""
        self.send(number)
        return self.wait(limit_s)

    def wait(self, limit_s: float = LIMIT_S) -> int:
        self._process.join(limit_s)
        assert self._process.exitcode is not None, f"the worker did not end in {limit_s:g} s"
        return self._process.exitcode

    def log_lines(self) -> list[str]:
        return (self._folder / "errors").read_text().splitlines()

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.log_lines())

    def tell(self) -> str:
        """Say whether it lives, whether it is ready, and the end of its log."""
        state = f"ended with {self._process.exitcode}"
        if self.is_alive:
            try:
                state = f"lives, {self.health('/ready').text}"
            except (httpx.HTTPError, AssertionError) as error:
                state = f"lives, {error!r}"
        return "\n".join([f"worker {self._folder.name} {state}; the end of its log:", *self.log_lines()[-LAST_LINES:]])

    def close(self) -> None:
        if self.is_alive:
            self.end(signal.SIGKILL)
        self._process.close()
        shutil.rmtree(self._folder)


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
        self._unanswered = ""
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
        names = {topic.topic for topic in topics}
        wait_for(lambda: names <= self.admin.list_topics(timeout=10).topics.keys(), "the topics to be listed")

    def start(self, **options: str) -> WorkerProcess:
        worker = WorkerProcess({**self.options, **options})
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._workers:
            worker.close()

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
        reader = Consumer(
            self._client()
            | {"group.id": "none", "enable.auto.commit": False, "isolation.level": isolation,
               "enable.partition.eof": True, "fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 2}
        )  # fmt: skip
        open_partitions = set(range(self.partitions))
        deadline = time.monotonic() + LIMIT_S
        reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in open_partitions])
        seen: list[Seen] = []
        while open_partitions:
            assert time.monotonic() < deadline, f"waited {LIMIT_S:g} s for the end of {topic}{open_partitions}"
            for message in reader.consume(1000, 0.05):
                error = message.error()
                if error is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
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
        """What the group has committed of the input; nothing when the broker does not say so soon."""
        group = f"{self.name}-trial"
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=5)
        try:
            found = asked[group].result(10).topic_partitions or []
        except (KafkaException, TimeoutError) as error:  # it has just come back: this client does not look for it again
            self._unanswered = repr(error)
            self.admin = AdminClient(self._client())
            return {}
        self._unanswered = ""
        return {item.partition: item.offset for item in found if item.topic == self.input}

    def wait_processed(self, limit_s: float = LIMIT_S) -> None:
        ends = {partition: records[-1].offset + 1 for partition, records in self.dump().items() if records}

        committed: dict[int, int] = {}

        def is_done() -> bool:
            committed.update(self.committed())
            return all(committed.get(partition, 0) >= end for partition, end in ends.items())

        try:
            wait_for(is_done, f"the group to commit {ends}", limit_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; last seen {committed} {self._unanswered}\n{self._tell()}") from None

    def _tell(self) -> str:
        """How the workers stand and what they said last, for whoever reads of a wait in vain."""
        return "\n".join(worker.tell() for worker in self._workers)

    def _key(self) -> bytes:
        return b"key-%d" % self.random.randrange(KEYS)

    def _client(self) -> dict[str, str | int | float | bool]:
        return {"bootstrap.servers": self.bootstrap, "log_level": 0}


@contextmanager
def trial_on(bootstrap: str, partitions: int = PARTITIONS, **options: str) -> Iterator[Trial]:
    """A trial whose workers end with it."""
    trial = Trial(bootstrap, partitions, **options)
    try:
        yield trial
    finally:
        trial.close()


def _seen(message: Message) -> Seen:
    listed = cast("list[tuple[str, bytes]]", message.headers() or [])
    headers = tuple((name, bytes(value)) for name, value in listed)
    return Seen(
        message.partition() or 0,
        message.offset() or 0,
        _bytes(message.key()) or b"",
        _bytes(message.value()),
        message.timestamp()[1],
        headers,
    )


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
