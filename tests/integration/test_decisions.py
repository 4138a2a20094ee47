"""Decisions exported from real Kafka and from an archive of it: the same bundle, which gives the decision again."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from homeostat.detectors.backtest import LogStore
from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform as ExpectedPlatform
from homeostat.schemas.decision import Decision
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.topics import ACKS, COMMANDS, DECISIONS, EVIDENCE, INTENTS
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.platform import Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.cli.main import run_with
from homeostat.streams.key_folder import write_key_set
from tests.builders.canary_folder import PARTITIONS, write_canary
from tests.builders.demo_traces import START_MS
from tests.builders.waiting import LIMIT_S

pytestmark = pytest.mark.kafka

WRITTEN = (EVIDENCE, DECISIONS, INTENTS, COMMANDS, ACKS)


@pytest.fixture
def canary(tmp_path: Path) -> Platform:
    """A harmful canary, run in this process with every record kept, and its keys in a folder."""
    folder = write_canary(tmp_path)
    documents = Documents(folder / "documents", START_MS)
    platform = build_platform(PARTITIONS, documents.gateways(), retained=None)
    TraceFeeder(platform, documents, documents.policy.times.tick_s).feed(read_traces(folder / "traces.jsonl"))
    write_key_set(platform.keys, tmp_path / "keys")
    return platform


def copy_logs(logs: LogStore, address: str) -> None:
    """Write the topics to the broker as they are: partitions, times, headers."""
    create_topics(AdminClient({"bootstrap.servers": address}), platform=ExpectedPlatform(PARTITIONS))
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "enable.idempotence": True})
    for topic in WRITTEN:
        for partition in range(logs.partitions(topic)):
            for record in logs.log(topic, partition).read(0):
                headers: list[tuple[str, str | bytes | None]] = [*record.headers]
                producer.produce(
                    topic, record.value, record.key, partition=partition, timestamp=record.timestamp, headers=headers
                )
        assert producer.flush(LIMIT_S) == 0


def test_a_decision_is_exported_from_the_broker_and_from_an_archive(
    canary: Platform, kafka: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = canary.topology.logs
    copy_logs(logs, kafka.address)
    archive, trust = str(tmp_path / "archive"), str(tmp_path / "keys" / "trust")
    for topic in (EVIDENCE, DECISIONS, INTENTS, ACKS):
        assert run_with(["archive", "write", archive, "--topic", topic, "--bootstrap", kafka.address]) == 0
    decisions = [Decision.model_validate_json(read_envelope(each.value)[1]) for each in logs.records(DECISIONS)]
    for number, decision in enumerate(each.decision for each in decisions):
        one, other = tmp_path / f"broker-{number}", tmp_path / f"archive-{number}"
        command = ["decision", "export", decision, "--trust", trust, "--out"]
        assert run_with([*command, str(one), "--bootstrap", kafka.address]) == 0
        assert run_with([*command, str(other), "--archive", archive]) == 0
        assert (one / "log.parquet").read_bytes() == (other / "log.parquet").read_bytes()
        for bundle in (one, other):
            capsys.readouterr()
            assert run_with(["decision", "replay", str(bundle), "--json"]) == 0
            assert [each["same"] for each in json.loads(capsys.readouterr().out)] == [True]
    page = tmp_path / "page.html"
    where = ["--trust", trust, "--bootstrap", kafka.address, "--out", str(page)]
    assert run_with(["decision", "explain", decisions[-1].decision, *where]) == 0
    assert "The candidate was taken back: harmful" in page.read_text()
