"""Runs the demo from start to end: broker, keys, topics, documents, roles, gateway, simulator, screen, verdict."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka.admin import AdminClient
from rich.console import Console

from homeostat.infra.broker.embedded import KIND, LIMITS, PARTITIONS_EVERYWHERE, EmbeddedBroker
from homeostat.infra.broker.retention_watch import RetentionWatch
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import ALL_TOPICS, Platform
from homeostat.schemas.defaults import DEMO_FEEDBACK_AGE_S, default_policy, demo_times
from homeostat.schemas.errors import HomeostatError
from homeostat.schemas.policy import Policy
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.roles import SignerRole
from homeostat.streams.clock import SystemClock
from homeostat.streams.demo.board import Board
from homeostat.streams.demo.children import Child, Children
from homeostat.streams.demo.keyring import DemoKeys, make_demo_keys
from homeostat.streams.demo.picture import draw_run
from homeostat.streams.demo.screen import Screen
from homeostat.streams.demo.verdict import sum_up
from homeostat.streams.demo.watch import Watch
from homeostat.streams.documents.publish import publish_documents
from homeostat.streams.documents.read import DocumentReader
from homeostat.streams.kafka_config import client_config
from homeostat.streams.keys import load_signers
from homeostat.streams.settings import KafkaSettings
from homeostat.streams.simulator.plan import GATEWAY, WARM_UP_SESSIONS, rollout_entries, setup_entries

_ROLES = ("control", "observe", "release")
_STEP_S = 0.25
_AFTER_END_S = 3.0


class DemoStuck(HomeostatError):
    """Something that the demo waits for did not come."""


@dataclass(frozen=True)
class DemoOptions:
    """How a run is wanted. `limit_s` bounds the whole run; `real_kafka` uses Apache Kafka, else the embedded broker."""

    folder: Path
    seed: int = 1
    real_kafka: bool = False
    limit_s: float = 175.0
    speed: float = 1.0


@dataclass
class Demo:
    """One run. `run` returns the summary document; everything it started has ended then."""

    options: DemoOptions
    console: Console
    live: bool
    board: Board = field(default_factory=Board)
    facts: dict[str, object] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Run to the end, or to the limit. Raises `HomeostatError` where something it needs does not come."""
        self.options.folder.mkdir(parents=True, exist_ok=True)
        for name in (*_ROLES, "gateway", "simulator"):  # of an earlier run in this folder
            (self.options.folder / f"{name}.log").unlink(missing_ok=True)
        self._started_s = time.monotonic()
        self._screen = Screen(self.console, self.live)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._screen.open())
            kafka = self._start_broker(stack)
            keys = make_demo_keys(self.options.folder / "keys", GATEWAY)
            self._watch = Watch(kafka, self.board, PARTITIONS_EVERYWHERE)
            signals = core_scribe_signals(DEMO_FEEDBACK_AGE_S)
            policy = default_policy(demo_times(), PARTITIONS_EVERYWHERE, keys.dead_letters, signals=signals)
            children = Children(self._environment(kafka, keys), self.options.folder)
            stack.callback(children.stop)
            self._start_homeostat(children, kafka, keys, policy)
            self._watch.start()
            stack.callback(self._watch.stop)
            self._run_canaries(children, kafka, keys)
            self._check_retention(kafka)
        return self._finish()

    def _start_broker(self, stack: contextlib.ExitStack) -> KafkaSettings:
        if self.options.real_kafka:
            from homeostat.infra.broker.folder import BrokerFolder
            from homeostat.infra.broker.local import LocalBroker

            self._screen.say("starting Apache Kafka (the first time it is downloaded) …")
            BrokerFolder(self.options.folder / "kafka").forget_cluster()
            broker = stack.enter_context(LocalBroker(self.options.folder / "kafka"))
            self.facts["broker"] = "Apache Kafka"
            kafka = KafkaSettings(bootstrap_servers=broker.address)
            create_topics(AdminClient(client_config(kafka)), platform=Platform(PARTITIONS_EVERYWHERE))
            return kafka
        embedded = EmbeddedBroker()
        embedded.start(ALL_TOPICS)
        stack.callback(embedded.stop)
        self._screen.say(f"embedded broker: {KIND} (homeostat demo --kafka runs Apache Kafka)")
        for limit in LIMITS:
            self._screen.say(f"  {limit}")
        self.facts["broker"] = f"embedded ({KIND})"
        return KafkaSettings(bootstrap_servers=embedded.address)

    def _environment(self, kafka: KafkaSettings, keys: DemoKeys) -> dict[str, str]:
        return {
            "HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "HOMEOSTAT_KEYS__TRUST_FOLDER": str(keys.trust),
            "HOMEOSTAT_KEYS__PRIVATE_KEY_PATH": str(keys.private),
            "HOMEOSTAT_KEYS__MAC_MASTERS_FOLDER": str(keys.masters),
            "HOMEOSTAT_WORKER__TRANSACTIONS": "true" if self.options.real_kafka else "false",
            "HOMEOSTAT_WORKER__CHECKPOINT_INTERVAL_S": "1.0",
            "HOMEOSTAT_HTTP__METRICS_PORT": "0",
            "HOMEOSTAT_LOG_FORMAT": "json",
        }

    def _start_homeostat(self, children: Children, kafka: KafkaSettings, keys: DemoKeys, policy: Policy) -> None:
        self._screen.say("starting control, observe, release and the gateway …")
        for role in _ROLES:
            children.start(role, "homeostat", "worker", "--role", role)
        port_file = self.options.folder / "gateway.port"
        port_file.unlink(missing_ok=True)
        store = self.options.folder / "gateway.db"
        store.unlink(missing_ok=True)
        options = ["--name", GATEWAY, "--store", str(store), "--port", "0", "--port-file", str(port_file)]
        children.start("gateway", "homeostat", "gateway", *options, "--report-interval-s", "0.25")
        self._publish(setup_entries(policy, [keys.master_id]), kafka, keys)
        self._gateway_url = self._await_gateway(children, port_file)

    def _await_gateway(self, children: Children, port_file: Path) -> str:
        """Wait until the gateway serves every target of the plan."""
        wanted = sum(len(view.targets) for view in self.board.views.values())
        for _ in self._steps(children, "the gateway to serve every target"):
            if not port_file.exists():
                continue
            url = f"http://127.0.0.1:{port_file.read_text().strip()}"
            with contextlib.suppress(httpx.HTTPError):
                if len(httpx.get(f"{url}/v1/targets", timeout=2).json()) >= wanted:
                    return url
        raise DemoStuck("unreachable: steps end by raising")

    def _run_canaries(self, children: Children, kafka: KafkaSettings, keys: DemoKeys) -> None:
        self._screen.say("warming up: the first baseline of every cohort")
        simulator = children.start("simulator", *self._simulator_args(keys), pipe=True)
        counts = _follow_counts(simulator)
        for _ in self._steps(children, "every cohort to have a baseline"):
            self._note_counts(counts)
            if int(counts.get("fewest_sessions", 0)) >= WARM_UP_SESSIONS:
                break
        self._publish(rollout_entries(), kafka, keys)
        self._screen.say("three canaries at once, half of the sessions of each cohort")
        for _ in self._steps(children, None):
            self._note_counts(counts)
            if self.board.over:
                self._watch_exposure_end(children, counts)
                return
        self._screen.say(f"{self.options.limit_s:.0f} s are over before every canary has ended")

    def _watch_exposure_end(self, children: Children, counts: dict[str, Any]) -> None:
        until_s = time.monotonic() + _AFTER_END_S
        self._screen.say("every canary has ended; watching exposure go back to zero")
        for _ in self._steps(children, None):
            self._note_counts(counts)
            if time.monotonic() > until_s:
                break

    def _check_retention(self, kafka: KafkaSettings) -> None:
        """On the embedded broker: did it drop anything that somebody would have read? State is read by nobody here."""
        if self.options.real_kafka:
            return
        watch = RetentionWatch(kafka.bootstrap_servers)
        dropped = [fill for fill in watch.find_dropped() if not fill.topic.startswith("state.")]
        watch.close()
        for fill in dropped:
            self._screen.say(f"the embedded broker lost records: {fill.explain()}")
        self.facts["partitions_with_dropped_records"] = len(dropped)

    def _simulator_args(self, keys: DemoKeys) -> list[str]:
        options = {
            "--seed": str(self.options.seed),
            "--gateway-url": self._gateway_url,
            "--masters": str(keys.masters),
            "--master-id": keys.master_id,
            "--speed": str(self.options.speed),
        }
        return ["homeostat.streams.simulator.process", *(part for pair in options.items() for part in pair)]

    def _steps(self, children: Children, waiting_for: str | None) -> Iterator[None]:
        """One pass every quarter of a second until the limit; then `DemoStuck`, or a plain end where nothing is due."""
        pause = threading.Event()
        while time.monotonic() - self._started_s < self.options.limit_s:
            children.check()
            yield
            with self._watch.lock:
                self._screen.show(self.board, self.facts)
            pause.wait(_STEP_S)
        if waiting_for is not None:
            raise DemoStuck(f"waited for {waiting_for}, in vain: see the logs in {self.options.folder}")

    def _note_counts(self, counts: dict[str, Any]) -> None:
        self.facts["seconds"] = round(time.monotonic() - self._started_s, 1)
        self.facts.update({name: counts[name] for name in ("sessions", "candidate_sessions") if name in counts})
        with contextlib.suppress(httpx.HTTPError, ValueError):
            self.facts["exposed"] = httpx.get(f"{self._gateway_url}/v1/exposure", timeout=1).json()["exposed"]

    def _publish(self, entries: list[dict[str, Any]], kafka: KafkaSettings, keys: DemoKeys) -> None:
        reader = DocumentReader(SystemClock().wall_ms())
        documents = [document for entry in entries for document in reader.read_entry(entry)]
        signer = load_signers(keys.private, [SignerRole.OPERATOR])[SignerRole.OPERATOR]
        publish_documents(kafka, signer, documents, limit_s=20)

    def _finish(self) -> dict[str, Any]:
        picture = self.options.folder / "demo.png"
        draw_run(self.board, picture)
        self.facts["picture"] = str(picture)
        self.facts["seconds"] = round(time.monotonic() - self._started_s, 1)
        summary = sum_up(self.board, self.facts)
        summary["exposure_ended"] = self.facts.get("exposed") == 0
        kept = self.facts.get("partitions_with_dropped_records", 0) == 0
        summary["right"] = bool(summary["right"] and summary["exposure_ended"] and kept)
        (self.options.folder / "summary.json").write_text(json.dumps(summary, indent=2))
        return summary


def _follow_counts(simulator: Child) -> dict[str, Any]:
    """A dictionary that a thread keeps at the simulator's newest counts."""
    counts: dict[str, Any] = {}
    stream = simulator.process.stdout
    assert stream is not None

    def follow() -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                counts.update(json.loads(line))

    threading.Thread(target=follow, name="demo-counts", daemon=True).start()
    return counts
