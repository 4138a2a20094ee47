"""`homeostat log dump` on a real broker: exactly the committed records, with their offsets, times and headers."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.log import LogRecord
from homeostat.streams.backtest.dump_file import DumpHead, DumpRow, read_dump, read_head
from homeostat.streams.cli.main import run_with
from tests.builders.waiting import LIMIT_S

pytestmark = pytest.mark.kafka

TOPIC = "summaries.v1"
START_MS = 1_700_000_000_000


def write_records(address: str) -> list[DumpRow]:
    """Three plain records in partition 0; in partition 1 one committed, one aborted, one committed, a tombstone."""
    plain = Producer({"bootstrap.servers": address})
    expected = []
    for number, value in enumerate((b"text", b"\xff\x00", b"")):
        headers: list[tuple[str, str | bytes | None]] = [("hs-mark", b"%d" % number), ("raw", b"\xfe")]
        plain.produce(TOPIC, value, b"\x80key", partition=0, headers=headers, timestamp=START_MS + number)
        kept = [("hs-mark", b"%d" % number), ("raw", b"\xfe")]
        expected.append(DumpRow(0, LogRecord(number, START_MS + number, b"\x80key", value, kept)))
    assert plain.flush(LIMIT_S) == 0
    writer = Producer({"bootstrap.servers": address, "transactional.id": "dump-test"})
    writer.init_transactions(LIMIT_S)
    for number, (text, commit) in enumerate(((b"a", True), (b"b", False), (None, True))):
        writer.begin_transaction()
        writer.produce(TOPIC, text, b"k", partition=1, timestamp=START_MS)
        assert writer.flush(LIMIT_S) == 0
        writer.commit_transaction(LIMIT_S) if commit else writer.abort_transaction(LIMIT_S)
        if commit:
            expected.append(DumpRow(1, LogRecord(2 * number, START_MS, b"k", text, [])))
    return expected


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_dump_is_what_is_committed(
    kafka: LocalBroker, kafka_admin: AdminClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    for future in kafka_admin.create_topics([NewTopic(TOPIC, 3, 1)]).values():
        future.result(LIMIT_S)
    expected = write_records(kafka.address)
    path = tmp_path / f"dump.{suffix}"
    status = run_with(["log", "dump", TOPIC, "--out", str(path), "--bootstrap", kafka.address, "--json"])
    assert status == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(path),
        "topic": TOPIC,
        "partitions": 3,
        "records": len(expected),
    }
    assert read_head(path) == DumpHead(TOPIC, 3)
    assert sorted(read_dump(path), key=lambda row: (row.partition, row.record.offset)) == expected


def test_a_topic_that_is_not_there_is_named(kafka: LocalBroker, tmp_path: Path) -> None:
    out = str(tmp_path / "dump.jsonl")
    assert run_with(["log", "dump", "no-such-topic", "--out", out, "--bootstrap", kafka.address]) == 3
