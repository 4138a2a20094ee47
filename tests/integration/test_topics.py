"""The table of topics against a real broker: creating, and every kind of drift."""

import json

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.check import Drift, Severity, check_topics, require_topics
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.errors import BrokerUnavailable, TopicsUnfit
from homeostat.schemas.topics import COMMANDS, POLICIES, SUMMARIES, TOPICS, TRACES
from homeostat.streams.cli.main import run_with

pytestmark = pytest.mark.kafka
FOUR = Platform(partitions=4)


def alter(admin: AdminClient, topic: str, setting: str, value: str) -> None:
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(30)
    # the controller has it; the broker learns of it a moment later
    asked = ConfigResource(ResourceType.TOPIC, topic)
    while admin.describe_configs([asked])[asked].result(30)[setting].value != value:
        continue


def test_what_was_created_is_as_the_table_says(kafka_admin: AdminClient) -> None:
    assert {drift.topic for drift in check_topics(kafka_admin, platform=FOUR)} == TOPICS.keys()
    assert create_topics(kafka_admin, platform=FOUR) == list(TOPICS)
    assert check_topics(kafka_admin, platform=FOUR) == []
    assert create_topics(kafka_admin, platform=FOUR) == []
    found = kafka_admin.list_topics(timeout=10).topics
    assert len(found[TRACES].partitions) == 4
    assert len(found[POLICIES].partitions) == 1


def test_makes_only_what_is_missing(kafka_admin: AdminClient) -> None:
    create_topics(kafka_admin, {TRACES: TOPICS[TRACES]}, FOUR)
    assert TRACES not in create_topics(kafka_admin, platform=FOUR)


@pytest.mark.parametrize(
    ("topic", "setting", "value", "severity"),
    [
        (COMMANDS, "cleanup.policy", "delete", Severity.ERROR),
        (SUMMARIES, "cleanup.policy", "compact,delete", Severity.ERROR),
        (TRACES, "message.timestamp.type", "CreateTime", Severity.ERROR),
        (SUMMARIES, "message.timestamp.type", "LogAppendTime", Severity.ERROR),
        (TRACES, "retention.ms", "3600000", Severity.ERROR),
        (TRACES, "retention.ms", "-1", Severity.WARNING),
        (TRACES, "retention.bytes", "1000000", Severity.ERROR),
        (SUMMARIES, "max.message.bytes", "1000", Severity.ERROR),
        (SUMMARIES, "max.message.bytes", "9000000", None),
    ],
)
def test_reports_a_changed_setting(
    kafka_admin: AdminClient, topic: str, setting: str, value: str, severity: Severity | None
) -> None:
    table = {topic: TOPICS[topic]}
    create_topics(kafka_admin, table, FOUR)
    alter(kafka_admin, topic, setting, value)
    found = [(drift.setting, drift.found, drift.severity) for drift in check_topics(kafka_admin, table, FOUR)]
    assert found == ([] if severity is None else [(setting, value, severity)])


def test_reports_partitions_replication_and_min_isr(kafka_admin: AdminClient) -> None:
    table = {TRACES: TOPICS[TRACES]}
    create_topics(kafka_admin, table, FOUR)
    kafka_admin.create_partitions([NewPartitions(TRACES, 6)])[TRACES].result(30)
    while len(kafka_admin.list_topics(timeout=10).topics[TRACES].partitions) != 6:
        continue
    assert check_topics(kafka_admin, table, Platform(partitions=4, replication=3)) == [
        Drift(TRACES, "partitions", "4", "6", Severity.ERROR),
        Drift(TRACES, "replication", "3", "1", Severity.ERROR),
        Drift(TRACES, "min.insync.replicas", "2", "1", Severity.ERROR),
    ]
    alter(kafka_admin, TRACES, "min.insync.replicas", "2")
    stuck = Drift(TRACES, "min.insync.replicas", "at most the 1 replicas there are", "2", Severity.ERROR)
    assert stuck in check_topics(kafka_admin, table, Platform(partitions=6))


def test_unfit_topics_are_refused_and_warnings_are_not(kafka_admin: AdminClient) -> None:
    with pytest.raises(TopicsUnfit, match="homeostat topics create"):
        require_topics(kafka_admin, platform=FOUR)
    create_topics(kafka_admin, platform=FOUR)
    alter(kafka_admin, TRACES, "retention.ms", "-1")
    assert [drift.setting for drift in require_topics(kafka_admin, platform=FOUR)] == ["retention.ms"]


def test_a_replication_that_the_broker_cannot_give_is_refused(kafka_admin: AdminClient) -> None:
    with pytest.raises(TopicsUnfit, match=r"(?i)replication factor"):
        create_topics(kafka_admin, platform=Platform(4, replication=3))


def test_no_broker() -> None:
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    with pytest.raises(BrokerUnavailable, match="homeostat broker start"):
        check_topics(admin, limit_s=1.0)


def test_commands(kafka: LocalBroker, capfd: pytest.CaptureFixture[str]) -> None:
    where = ["--bootstrap", kafka.address]
    assert run_with(["topics", "check", *where]) == 1
    assert "traces.v1: topic: expected present, found missing" in capfd.readouterr().out
    assert run_with(["topics", "create", *where, "--partitions", "4", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"created": list(TOPICS), "drift": []}
    assert run_with(["topics", "check", *where, "--partitions", "4"]) == 0
    assert run_with(["topics", "check", *where, "--partitions", "8", "--json"]) == 1
    out = capfd.readouterr().out
    assert {row["setting"] for row in json.loads(out[out.index("{") :])["drift"]} == {"partitions"}
    assert run_with(["topics", "check", "--bootstrap", "127.0.0.1:1", "--limit-s", "1"]) == 3
    assert "homeostat broker start" in capfd.readouterr().err
