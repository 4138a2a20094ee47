"""A whole installation on a real broker: the workers and the gateway as their commands run them, each a process."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from confluent_kafka.admin import AdminClient

from bench.latency.documents import GATEWAY
from bench.latency.probe import TOPIC
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import TOPICS, TRACES
from homeostat.streams.demo.children import Children
from homeostat.streams.demo.keyring import make_demo_keys
from homeostat.streams.documents.publish import publish_documents
from homeostat.streams.documents.read import ToPublish
from homeostat.streams.keys import load_masters, load_signers
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.signing import Signer

ROLES = ("control", "release", "observe")
_LIMIT_S = 180.0
_LOOK_S = 0.2


class Installation:
    """Keys, topics and processes in a folder; a context manager that ends them all."""

    def __init__(self, address: str, folder: Path, partitions: int) -> None:
        self.address, self._folder = address, folder
        self.keys = make_demo_keys(folder / "keys", GATEWAY)
        probe = TOPICS[TRACES]._replace(name=TOPIC)
        admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        create_topics(admin, {**TOPICS, TOPIC: probe}, Platform(partitions))
        self.children = Children(self._environment(), folder)
        self._url = ""

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, *_: object) -> None:
        self.children.stop()

    @property
    def master(self) -> bytes:
        return load_masters(self.keys.masters)[self.keys.master_id]

    @property
    def operator(self) -> Signer:
        return load_signers(self.keys.private, [SignerRole.OPERATOR])[SignerRole.OPERATOR]

    def start(self) -> None:
        """Start every process, and wait until the gateway answers."""
        for role in ROLES:
            self.children.start(role, "homeostat", "worker", "--role", role)
        port_file = self._folder / "gateway.port"
        store = str(self._folder / "gateway.db")
        options = ["--name", GATEWAY, "--store", store, "--port", "0", "--port-file", str(port_file)]
        self.children.start("gateway", "homeostat", "gateway", *options)
        self._wait_for(port_file.exists, "the gateway")
        self._url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def set_up(self, documents: Sequence[ToPublish], targets: int) -> None:
        """Publish what must be there, and wait until the gateway serves every target."""
        publish_documents(KafkaSettings(bootstrap_servers=self.address), self.operator, documents, limit_s=_LIMIT_S)
        self._wait_for(lambda: len(httpx.get(f"{self._url}/v1/targets", timeout=10).json()) == targets, "every target")

    def _wait_for(self, look: Callable[[], bool], what: str) -> None:
        deadline, pause = time.monotonic() + _LIMIT_S, threading.Event()
        while not look():
            self.children.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {_LIMIT_S:.0f} s for {what}")
            pause.wait(_LOOK_S)

    def _environment(self) -> dict[str, str]:
        """The defaults, but for where things are; the folder is of this run alone, and so are its groups."""
        return {
            "HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": self.address,
            "HOMEOSTAT_KAFKA__GROUP_PREFIX": self._folder.name,
            "HOMEOSTAT_KEYS__TRUST_FOLDER": str(self.keys.trust),
            "HOMEOSTAT_KEYS__PRIVATE_KEY_PATH": str(self.keys.private),
            "HOMEOSTAT_KEYS__MAC_MASTERS_FOLDER": str(self.keys.masters),
            "HOMEOSTAT_HTTP__METRICS_PORT": "0",
            "HOMEOSTAT_LOG_LEVEL": "warning",
            "HOMEOSTAT_LOG_FORMAT": "json",
        }
