"""Audit processes on a real broker: statements that are written, workers that are killed, and the audit in the end."""

import os
import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.canonical import to_json
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.streams.audit.log import AuditLog, read_log
from homeostat.streams.audit.records import Records, read_records
from homeostat.streams.audit.verify import check_log
from homeostat.streams.cli.main import run_with
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.settings import KafkaSettings
from tests.builders.waiting import LIMIT_S, wait_for
from tests.unit.streams.audit.logs import make_statements

PARTITIONS = 3


class AuditTrial:
    """An installation of which only the audit runs; its topics are written as their owners would write them."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.kafka = KafkaSettings(bootstrap_servers=address)
        create_topics(AdminClient({"bootstrap.servers": address}), platform=Platform(PARTITIONS))
        self.keys = KeySet.from_seed(b"audit trial")
        write_key_set(self.keys, folder / "keys")
        self._producer = Producer({"bootstrap.servers": address, "linger.ms": 1, "partitioner": "murmur2_random"})
        self._statements = make_statements(100_000)
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def trust(self) -> str:
        """The trust folder."""
        return str(self.folder / "keys" / "trust")

    def write(self, count: int) -> None:
        """Write that many statements to their topics, and wait until the broker has them."""
        signers = self.keys.signers()
        for _ in range(count):
            topic, message, role = next(self._statements)
            value = signers[role].sign(to_json(message), message.ce_type)
            headers: list[tuple[str, str | bytes | None]] = [
                *event_headers(message.ce_type, "1", "/test", DSSE_CONTENT)
            ]
            self._producer.produce(topic, value, str(count).encode(), headers=headers)
        assert self._producer.flush(LIMIT_S) == 0

    def forge(self, value: bytes, partition: int) -> None:
        """Write to the audit itself, as one who may."""
        self._producer.produce("audit.v1", value, b"forged", partition=partition)
        assert self._producer.flush(LIMIT_S) == 0

    def start(self, failpoint: str = "", seat: str = "") -> subprocess.Popen[bytes]:
        """Start `homeostat worker --role record` with the audit's key and no archive.

        One with a seat keeps it: when it is killed and started again it does not wait for its own session to end.
        """
        env = {
            "HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": self.address,
            "HOMEOSTAT_KEYS__TRUST_FOLDER": self.trust,
            "HOMEOSTAT_KEYS__PRIVATE_KEY_PATH": str(self.folder / "keys" / "private"),
            "HOMEOSTAT_KAFKA__SESSION_TIMEOUT_S": "6",
            "HOMEOSTAT_KAFKA__STATIC_MEMBERSHIP_ID": seat,
            "HOMEOSTAT_FAILPOINT": failpoint,
        }
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "homeostat", "worker", "--role", "record", "--metrics-port", "0"],
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
            )
        self._children.append(child)
        return child

    def stop(self) -> None:
        """End what runs."""
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait(LIMIT_S)

    def said(self) -> str:
        """What all processes wrote to standard error."""
        return (self.folder / "log").read_text()

    def run(self, *command: str) -> int:
        """Run a command of `homeostat audit` here; its exit status."""
        return run_with(["audit", *command, "--bootstrap", self.address, "--trust", self.trust])

    def wait_audited(self) -> tuple[AuditLog, Records]:
        """Wait until every record that belongs into the audit has an entry."""
        records = read_records(self.kafka)

        def reached() -> bool:
            entries = check_log(read_log(self.kafka), self.keys.trust()).entries
            return records.by_place.keys() <= entries.keys()

        wait_for(reached, "the audit to reach the ends", LIMIT_S)
        return read_log(self.kafka), records
