"""Archiver processes on a real broker, and what their archive must be in the end: the topic, every offset once."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.log import LogRecord
from homeostat.schemas.topics import TRACES
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.settings import KafkaSettings
from tests.builders.waiting import LIMIT_S, wait_for
from tests.unit.streams.archive.logs import list_records

PARTITIONS = 2

_ODD = """
import asyncio, sys
from aiokafka import AIOKafkaProducer

class NoText(str):
    def encode(self, *_):
        return b"\\xff"

async def main(address, topic):
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        headers = [("ce_id", b"1"), (NoText("x"), b"2"), ("none", None)]
        await producer.send_and_wait(topic, b"odd", b"k", partition=0, headers=headers)

asyncio.run(main(*sys.argv[1:]))
"""
"""aiokafka's own encoder, in Python, takes what the name gives as its bytes."""


class ArchiveTrial:
    """A topic that is written to, archivers that are killed, and the comparison of both."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.location = str(folder / "archive")
        create_topics(AdminClient({"bootstrap.servers": address}), platform=Platform(PARTITIONS))
        self._producer = Producer({"bootstrap.servers": address, "linger.ms": 1})
        self._sent = 0
        self._children: list[subprocess.Popen[bytes]] = []

    def produce(self, count: int) -> None:
        """Write records of every sort to each partition, and wait until the broker has them."""
        for number in range(self._sent, self._sent + count):
            tenant = b"tenant-%d" % (number % 7)
            value = [b'{"tenant":"%s","arm":"baseline"}' % tenant, b"\xff no json %d" % number, None][number % 3]
            headers: list[tuple[str, str | bytes | None]] = [("ce_id", b"%d" % number), ("raw", b"\xfe")]
            self._producer.produce(TRACES, value, tenant, partition=number % PARTITIONS, headers=headers)
        self._sent += count
        assert self._producer.flush(LIMIT_S) == 0

    def produce_odd_headers(self) -> None:
        """Write a record with a header whose name is no text, and one without a value, as any producer may."""
        env = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
        subprocess.run([sys.executable, "-c", _ODD, self.address, TRACES], env=env, check=True)

    def start_worker(self, failpoint: str = "", /, **settings: object) -> subprocess.Popen[bytes]:
        """Start `homeostat worker --role record`, which writes a file for every few records.

        It keeps its seat in the group: one that is killed and started again does not wait for its own session to end.
        """
        given: dict[str, object] = {
            "archive__location": self.location,
            "archive__file_bytes": 4096,
            "archive__flush_interval_s": 0.2,
        }
        given |= {"kafka__static_membership_id": "archiver"}
        env = {f"HOMEOSTAT_{name.upper()}": str(value) for name, value in {**given, **settings}.items()}
        return self._start(["worker", "--role", "record", "--metrics-port", "0"], failpoint, env)

    def start_write(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Start `homeostat archive write`."""
        env = {"HOMEOSTAT_ARCHIVE__FILE_BYTES": "4096"}
        return self._start(["archive", "write", self.location], failpoint, env)

    def compact(self, failpoint: str = "") -> int:
        """Run `homeostat archive compact`; its exit status."""
        return self._start(["archive", "compact", self.location], failpoint, {}).wait(LIMIT_S)

    def stop(self) -> None:
        """End what runs."""
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait(LIMIT_S)

    def topic_log(self) -> dict[int, list[LogRecord]]:
        """Every committed record of the topic, by partition."""
        partitions: dict[int, list[LogRecord]] = {part: [] for part in range(PARTITIONS)}
        with TopicReader(KafkaSettings(bootstrap_servers=self.address), TRACES) as reader:
            for partition, record in reader.read():
                partitions[partition].append(record)
        return partitions

    def reader(self) -> ArchiveReader | None:
        """The archive, if there is one yet."""
        try:
            return ArchiveReader(ArchiveStore(self.location), TRACES)
        except DocumentInvalid:
            return None

    def archive_log(self) -> dict[int, list[LogRecord]]:
        """The archive as its reader gives it, by partition."""
        reader = self.reader()
        empty: dict[int, list[LogRecord]] = {part: [] for part in range(PARTITIONS)}
        return (
            empty if reader is None else empty | {part: list_records(reader.read(part)) for part in reader.partitions}
        )

    def said(self) -> str:
        """What all processes wrote to standard error."""
        return (self.folder / "log").read_text()

    def page(self, name: str = "metrics") -> str:
        """A page of the worker that was started last; empty while there is none."""
        found = re.findall(r"(?<=\"health\": \")[^\"]+", self.said())
        return httpx.get(f"http://{found[-1]}/{name}").text if found else ""

    def wait_archived(self) -> None:
        """Wait until the archive reaches the topic's last records."""
        ends = {part: log[-1].offset + 1 for part, log in self.topic_log().items() if log}

        def reached() -> bool:
            reader = self.reader()
            rows = [] if reader is None else reader.describe()["partitions"]
            return {row["partition"]: row["next"] for row in rows} == ends

        wait_for(reached, f"the archive to reach {ends}", LIMIT_S)

    def _start(self, command: list[str], failpoint: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        common = {"HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": self.address, "HOMEOSTAT_FAILPOINT": failpoint}
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "homeostat", *command],
                env={**os.environ, **common, **env},
                stdin=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
            )
        self._children.append(child)
        return child


def wait_killed(child: subprocess.Popen[bytes]) -> None:
    """Wait until a failpoint has killed a process."""
    assert child.wait(LIMIT_S) == -signal.SIGKILL
