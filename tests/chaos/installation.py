"""A whole installation on a real broker, whose processes can be killed, stalled and replaced."""

import json
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.defaults import default_policy, demo_times
from homeostat.schemas.policy import BaselineRule, Policy
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ROLE_STAGES, STAGE_INPUTS
from homeostat.streams.backtest.kafka_dump import TopicReader
from homeostat.streams.clock import SystemClock
from homeostat.streams.decisions.topics import BrokerTopics
from homeostat.streams.demo.children import Child, Children
from homeostat.streams.demo.keyring import make_demo_keys
from homeostat.streams.documents.publish import publish_documents
from homeostat.streams.documents.read import DocumentReader, ToPublish
from homeostat.streams.keys import load_signers
from homeostat.streams.settings import KafkaSettings, KeySettings, Settings
from homeostat.streams.simulator.plan import CANARIES, GATEWAY, WORKFLOW, rollout_entries, setup_entries
from tests.builders.decided import note_topics
from tests.builders.waiting import LIMIT_S, wait_for

PARTITIONS = 2


def trial_policy(dead_letters: object) -> Policy:
    """The scribe's policy with the demo's times and baselines after 30 sessions."""
    policy = default_policy(demo_times(), PARTITIONS, signals=core_scribe_signals())
    return policy.model_copy(update={"baseline": BaselineRule(first_sessions=30), "dead_letters": dead_letters})


class Installation:
    """Broker, keys, topics and processes of one trial; everything ends with `close`."""

    def __init__(self, broker: LocalBroker, folder: Path, prefix: str) -> None:
        self.broker, self.folder = broker, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.kafka = KafkaSettings(bootstrap_servers=broker.address, group_prefix=prefix)
        self.keys = make_demo_keys(folder / "keys", GATEWAY)
        self.settings = Settings(
            kafka=self.kafka,
            keys=KeySettings(
                trust_folder=self.keys.trust, private_key_path=self.keys.private, mac_masters_folder=self.keys.masters
            ),
        )
        create_topics(self._admin(), platform=Platform(PARTITIONS))
        self.children = Children(self._environment(prefix), folder)
        self._numbers: dict[str, int] = {}
        self.url, self._port = "", "0"

    def worker(self, role: str, failpoint: str = "", keeps_seat: bool = False) -> Child:
        """Start one more process of a role; who keeps the role's seat is a static member of its group."""
        env = {"HOMEOSTAT_FAILPOINT": failpoint}
        if keeps_seat:
            env["HOMEOSTAT_KAFKA__STATIC_MEMBERSHIP_ID"] = role
        return self.children.start(self._name(role), "homeostat", "worker", "--role", role, pipe=False, **env)

    def gateway(self, failpoint: str = "") -> Child:
        """Start the gateway over its one durable store."""
        port_file = self.folder / "gateway.port"
        port_file.unlink(missing_ok=True)
        options = ["--name", GATEWAY, "--store", str(self.folder / "gateway.db"), "--port", self._port]
        options += ["--port-file", str(port_file), "--report-interval-s", "0.25"]
        child = self.children.start(
            self._name("gateway"), "homeostat", "gateway", *options, HOMEOSTAT_FAILPOINT=failpoint
        )
        wait_for(lambda: port_file.exists() or child.process.poll() is not None, "the gateway")
        if port_file.exists():
            self._port = port_file.read_text().strip()
            self.url = f"http://127.0.0.1:{self._port}"
        return child

    def simulator(self, speed: float, seed: int = 1) -> Child:
        """Start the clinics."""
        options = ["--seed", str(seed), "--gateway-url", self.url, "--masters", str(self.keys.masters)]
        options += ["--speed", str(speed)]
        return self.children.start(self._name("simulator"), "homeostat.streams.simulator.process", *options)

    def apply_setup(self) -> None:
        """Publish keys, policy, releases and baselines, and wait until the gateway serves every target."""
        self._publish(setup_entries(trial_policy(self.keys.dead_letters), [self.keys.master_id]))
        wanted = sum(len(canary.tenants) for canary in CANARIES)
        wait_for(lambda: len(self.targets()) == wanted, "every target to be served")

    def apply_new_target(self) -> None:
        """State the baseline of one more clinic: a new desired state for the gateway."""
        entries = setup_entries(trial_policy(self.keys.dead_letters), [self.keys.master_id])
        releases = [entry for entry in entries if entry["kind"] == "release"]
        clinic = {"gateway": GATEWAY, "tenant": self._name("extra-clinic"), "workflow": WORKFLOW}
        target: dict[str, object] = {
            "kind": "targets",
            "body": {"release": f"@{releases[0]['name']}", "targets": [clinic]},
        }
        self._publish([*releases, target])

    def apply_rollouts(self) -> None:
        """Publish the demo's three canaries, each time as rollouts of their own."""
        entries, series = rollout_entries(), self._name("rollouts")
        for entry in entries:
            if entry["kind"] == "rollout":
                entry["body"]["rollout"] = derive_id(series, entry["name"])
        self._publish(entries)

    def targets(self) -> dict[str, int]:
        """Generation by target, as the gateway says; nothing while it does not answer."""
        try:
            rows = httpx.get(f"{self.url}/v1/targets", timeout=5).json()
        except (httpx.HTTPError, json.JSONDecodeError):
            return {}
        return {row["target"]: int(row["generation"]) for row in rows}

    def exposed(self) -> int:
        """Target × specialty pairs that may get a candidate now; −1 while the gateway does not answer."""
        try:
            return int(httpx.get(f"{self.url}/v1/exposure", timeout=5).json()["exposed"])
        except (httpx.HTTPError, json.JSONDecodeError):
            return -1

    def unsaid(self) -> int:
        """How many acknowledgements and reports the gateway still has to deliver."""
        with closing(sqlite3.connect(self.folder / "gateway.db")) as db:
            return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def settle(self) -> None:
        """Wait until both groups have committed everything that is in their inputs, twice in a row."""
        unread: list[str] = ["nothing was looked at"]

        def look() -> bool:
            unread[:] = [text for role in ROLE_STAGES for text in self._find_unread(role)]
            return not unread

        try:
            wait_for(look, "everything to be read")
            wait_for(look, "everything to be read, once more")
        except AssertionError as error:
            raise AssertionError(f"{error}: {unread}") from None

    def end(self, child: Child, number: signal.Signals = signal.SIGTERM, limit_s: float = LIMIT_S) -> int:
        """Send a signal and wait for the end, which may wait for a transaction's 30 s; the exit status."""
        child.signal(number)
        return child.process.wait(limit_s)

    def replace(self, child: Child) -> None:
        """Forget a process that has ended."""
        child.stop()
        self.children.all.remove(child)

    def close(self) -> None:
        """End every process; what their guards decided is noted, unless the broker is gone."""
        for child in self.children.all:
            child.signal(signal.SIGCONT)
        self.children.stop()
        if self.broker.is_running:
            self.note_decisions()

    def note_decisions(self) -> None:
        """What guards have decided so far is to be exported and replayed when the test ends."""
        note_topics(BrokerTopics(self.kafka), self.keys.trust)

    def _find_unread(self, role: str) -> list[str]:
        committed = self._committed(f"{self.kafka.group_prefix}-{role}")
        return [
            f"{topic}[{part}] at {committed.get((topic, part))} of {end}"
            for topic in (STAGE_INPUTS[stage] for stage in ROLE_STAGES[role])
            for part, end in self._ends(topic).items()
            if committed.get((topic, part), -1) < end
        ]

    def _ends(self, topic: str) -> dict[int, int]:
        with TopicReader(self.kafka, topic) as reader:
            return {part: end for part, (_, end) in reader.ends.items()}

    def _committed(self, group: str) -> dict[tuple[str, int], int]:
        """What a group has committed; nothing while the broker cannot say."""
        admin = self._admin()  # held: a client that is collected takes its answers with it
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        try:
            found = asked[group].result(LIMIT_S).topic_partitions or []
        except KafkaException:
            return {}
        return {(item.topic, item.partition): item.offset for item in found}

    def _publish(self, entries: list[dict[str, object]]) -> None:
        self._send(self._read(entries))

    def _read(self, entries: list[dict[str, object]]) -> list[ToPublish]:
        reader = DocumentReader(SystemClock().wall_ms())
        return [document for entry in entries for document in reader.read_entry(entry)]

    def _send(
        self, documents: Sequence[ToPublish], role: SignerRole = SignerRole.OPERATOR, name: str | None = None
    ) -> None:
        signer = load_signers(self.keys.private, [role], name)[role]
        publish_documents(self.kafka, signer, documents, limit_s=30)

    def _environment(self, prefix: str) -> dict[str, str]:
        return {
            "HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": self.broker.address,
            "HOMEOSTAT_KAFKA__GROUP_PREFIX": prefix,
            "HOMEOSTAT_KAFKA__SESSION_TIMEOUT_S": "6",
            "HOMEOSTAT_KEYS__TRUST_FOLDER": str(self.keys.trust),
            "HOMEOSTAT_KEYS__PRIVATE_KEY_PATH": str(self.keys.private),
            "HOMEOSTAT_KEYS__MAC_MASTERS_FOLDER": str(self.keys.masters),
            "HOMEOSTAT_WORKER__CHECKPOINT_INTERVAL_S": "0.7",
            "HOMEOSTAT_HTTP__METRICS_PORT": "0",
            "HOMEOSTAT_LOG_FORMAT": "json",
        }

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.broker.address, "log_level": 0})

    def _name(self, kind: str) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}-{self._numbers[kind]}"
