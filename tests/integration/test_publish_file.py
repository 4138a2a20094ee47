"""`homeostat publish FILE` on a real broker: every line sent, or named and counted."""

import json
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.contract import MESSAGES
from homeostat.schemas.headers import CE_TYPE
from homeostat.schemas.mac import issue_work_token
from homeostat.schemas.topics import TRACES
from homeostat.schemas.trace import FeedbackKind
from homeostat.streams.cli.main import run_with
from homeostat.streams.client.trace_writer import TraceWriter
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import KeySet
from homeostat.streams.keys import MASTERS
from tests.integration.reading import read_topic
from tests.unit.streams.publishing import tenant_key, work_fields

pytestmark = pytest.mark.kafka
NOW_MS = 1_700_000_000_000


def write_traces(path: Path, tenants: list[str]) -> None:
    """Per tenant one trace and feedback on it that bears no token yet."""
    lines: list[bytes] = []
    for tenant in tenants:
        writer = TraceWriter(tenant_key(tenant), "scribe-1")
        work = writer.build_work(work_fields(1), NOW_MS)
        feedback = writer.build_feedback(
            writer.issue_token(work), FeedbackKind.EDIT, {"trace_id": derive_id("feedback", tenant)}
        )
        body = feedback.model_dump(mode="json", exclude={"work_token"})
        lines += [to_json(work), json.dumps(body).encode()]
    path.write_bytes(b"\n".join(lines) + b"\n")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    write_key_set(KeySet.from_seed(b"publish"), folder)
    return folder


@pytest.fixture
def broker(kafka: LocalBroker, kafka_admin: AdminClient, monkeypatch: pytest.MonkeyPatch) -> LocalBroker:
    create_topics(kafka_admin, platform=Platform(partitions=4))
    monkeypatch.setenv("HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS", kafka.address)
    return kafka


def test_every_line_is_sent_under_its_tenants_key_with_a_token(
    broker: LocalBroker, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traces.jsonl"
    write_traces(file, ["clinic-a", "clinic-b"])
    assert run_with(["publish", str(file), "--masters", str(keys / MASTERS), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sent": 4, "dropped": {}, "tenants": 2}
    found = read_topic(broker.address, TRACES)
    assert len(found) == 6
    for message in found:
        body = json.loads(message.value() or b"")
        if "work_token" in body:
            decisive = (body["work_id"], body["work_time_ms"], body["release"], body["arm"], body["session"])
            secret = KeySet.from_seed(b"publish").tenant_key(body["tenant"])
            assert body["work_token"] == issue_work_token(secret, "m1", *decisive)
        assert dict(message.headers() or [])[CE_TYPE].decode() in MESSAGES  # type: ignore[union-attr]  # bytes


def test_lines_that_are_no_traces_are_named_and_the_rest_is_sent(
    broker: LocalBroker, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, key = tmp_path / "traces.jsonl", tmp_path / "clinic-a.json"
    write_traces(file, ["clinic-a", "clinic-b"])
    with file.open("ab") as lines:
        lines.write(b'\nnot json\n{"kind": "work", "tenant": "Jane Doe"}\n[]\n')
    assert run_with(["keys", "tenant", "clinic-a", "--keys", str(keys), "--out", str(key)]) == 0
    capsys.readouterr()
    assert run_with(["publish", str(file), "--tenant-key", str(key), "--json"]) == 1
    printed = capsys.readouterr()
    dropped = {"wrong_tenant": 2, "not_json": 1, "personal_data": 1, "schema": 1}
    assert json.loads(printed.out) == {"sent": 2, "dropped": dropped, "tenants": 1}
    assert "traces.jsonl:6: not_json" in printed.err.replace("\n", "")
    assert "Jane" not in printed.err


def test_a_broker_without_topics_is_named(
    kafka: LocalBroker, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "traces.jsonl"
    write_traces(file, ["clinic-a"])
    command = ["publish", str(file), "--masters", str(keys / MASTERS), "--bootstrap", kafka.address]
    assert run_with(command) == 3
    assert "homeostat topics create" in capsys.readouterr().err
