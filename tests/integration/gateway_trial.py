"""A gateway process on a real broker, fed by a sequencer and a guard that are this test."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import Acknowledgement, DesiredState
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.lease import Lease
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.served import Served
from homeostat.schemas.topics import ACKS, COMMANDS, LEASES, SERVED
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.keys import PRIVATE, TRUST
from tests.builders.documents import ROLLOUT_ID
from tests.builders.waiting import LIMIT_S, wait_for

PARTITIONS = 2
GATEWAY = "gateway-1"
LEASE = derive_id("lease")


class GatewayTrial:
    """Keys, topics, and one gateway process that can be killed and started again."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        self.keys = KeySet.generate(0, gateways=(GATEWAY,))
        write_key_set(self.keys, folder / "keys")
        create_topics(AdminClient({"bootstrap.servers": address}), platform=Platform(PARTITIONS))
        self._producer = Producer({"bootstrap.servers": address, "partitioner": "murmur2_random"})
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self, failpoint: str = "", *more: str) -> None:
        """Start the process and wait until it answers; with a failpoint it may end before, which is awaited then."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        env = {
            **os.environ,
            "HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": self.address,
            "HOMEOSTAT_KEYS__TRUST_FOLDER": str(self.folder / "keys" / TRUST),
            "HOMEOSTAT_KEYS__PRIVATE_KEY_PATH": str(self.folder / "keys" / PRIVATE),
            "HOMEOSTAT_FAILPOINT": failpoint,
        }
        options = ["--name", GATEWAY, "--store", str(self.folder / "gateway.db"), "--port", "0", *more]
        command = [sys.executable, "-m", "homeostat", "gateway", *options, "--port-file", str(port_file)]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process = self.process
        wait_for(lambda: port_file.exists() or process.poll() is not None, "the gateway's port")
        if port_file.exists():
            self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def wait_killed(self) -> None:
        """Wait until the failpoint has killed the process."""
        assert self.process is not None
        assert self.process.wait(LIMIT_S) == -signal.SIGKILL

    def stop(self) -> None:
        """End the process, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT_S)

    def command(self, state: DesiredState, role: SignerRole = SignerRole.SEQUENCER) -> None:
        """Write a desired state, signed by a role."""
        self._send(COMMANDS, state.target.key, self.keys.signers()[role].sign(to_json(state), state.ce_type))

    def command_raw(self, key: str, value: bytes) -> None:
        """Write anything under a key of the commands topic."""
        self._send(COMMANDS, key, value)

    def renew(self, renewal: int, ttl_ms: int = 15_000) -> None:
        """Write a lease renewal that is evaluated now."""
        now_ms = time.time_ns() // 1_000_000
        lease = Lease(
            lease=LEASE,
            rollout=ROLLOUT_ID,
            step=1,
            renewal=renewal,
            phase=RolloutPhase.EXPOSING,
            evaluated_at_ms=now_ms,
            expires_ms=now_ms + ttl_ms,
            ttl_ms=ttl_ms,
            skew_ms=1_000,
        )
        self._send(LEASES, ROLLOUT_ID, self.keys.signers()[SignerRole.GUARD].sign(to_json(lease), lease.ce_type))

    def acknowledgements(self) -> list[Acknowledgement]:
        """Every acknowledgement on the topic, verified, in the order of each partition."""
        trust = self.keys.trust()
        found = []
        for value in read_topic(self.address, ACKS, PARTITIONS):
            trust.verify(value, Acknowledgement.ce_type, {SignerRole.GATEWAY})
            found.append(parse_message(Acknowledgement, read_envelope(value)[1])[0])
        return found

    def served(self) -> list[Served]:
        """Everything that the gateway said it serves, verified, in the order of each partition."""
        trust, found = self.keys.trust(), []
        for value in read_topic(self.address, SERVED, PARTITIONS):
            payload = trust.verify(value, Served.ce_type, {SignerRole.GATEWAY})
            found.append(parse_message(Served, payload)[0])
        return found

    def generation(self, target: str) -> int:
        """What the gateway says that a target serves; 0 while it does not answer."""
        try:
            rows = httpx.get(f"{self.url}/v1/targets", timeout=5).json()
        except httpx.HTTPError:
            return 0
        return next((int(row["generation"]) for row in rows if row["target"] == target), 0)

    def exposed(self) -> int:
        """Target × specialty pairs that may get a candidate now."""
        return int(json.loads(httpx.get(f"{self.url}/v1/exposure", timeout=5).text)["exposed"])

    def _send(self, topic: str, key: str, value: bytes) -> None:
        self._producer.produce(topic, value, key)
        assert self._producer.flush(LIMIT_S) == 0


def read_topic(address: str, topic: str, partitions: int) -> list[bytes]:
    """Every value on a topic now, read committed, partition by partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "trial", "enable.auto.commit": False})
    values: list[bytes] = []
    try:
        for partition in range(partitions):
            place = TopicPartition(topic, partition, 0)
            low, end = consumer.get_watermark_offsets(place, timeout=LIMIT_S)
            consumer.assign([place])
            # before the first record a position is a negative number with a meaning of its own
            while max(low, consumer.position([place])[0].offset) < end:
                message = consumer.poll(1.0)
                if message is not None and message.error() is None and message.value() is not None:
                    values.append(message.value() or b"")
    finally:
        consumer.close()
    return values
