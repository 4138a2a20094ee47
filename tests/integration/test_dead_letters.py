"""Dead letters on a real broker: listed, shown and replayed by the command line."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.topics.create import create_topics
from homeostat.infra.topics.expected import Platform
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import TRACES
from homeostat.streams.cli.main import run_with
from homeostat.streams.dead_letters.replay import REPLAYED_FROM
from homeostat.streams.dead_letters.sealing import Sealer
from homeostat.streams.key_set import KeySet
from tests.integration.reading import read_topic
from tests.unit.streams.letters import refused_record, unsealed

pytestmark = pytest.mark.kafka
KEYS = KeySet.from_seed(b"dead letters")


@pytest.fixture
def private_key(tmp_path: Path) -> Path:
    path = tmp_path / "dead-letters.pem"
    path.touch(mode=0o600)
    path.write_bytes(KEYS.dead_letter_pem())
    return path


@pytest.fixture
def broker(kafka: LocalBroker, kafka_admin: AdminClient, monkeypatch: pytest.MonkeyPatch) -> LocalBroker:
    create_topics(kafka_admin, platform=Platform(partitions=4))
    monkeypatch.setenv("HOMEOSTAT_KAFKA__BOOTSTRAP_SERVERS", kafka.address)
    return kafka


def send_letters(broker: LocalBroker, outputs: list[Output]) -> None:
    """What the shell of a leaf does with the outputs of its core."""
    # idempotent, as a worker's: a retry while the topic gets its leader must not turn the order round
    producer = Producer(
        {"bootstrap.servers": broker.address, "message.max.bytes": 2_000_000, "enable.idempotence": True}
    )
    for output in map(Sealer(KEYS.seal_secret).seal_output, outputs):
        assert any(deliver(producer, output) for _ in range(10)), "a new topic takes large messages soon"


def deliver(producer: Producer, output: Output) -> bool:
    """Send one output and wait for it; False when the broker did not take it."""
    errors: list[object] = []
    producer.produce(
        output.topic, output.value, output.key, 2, headers=[*output.headers], on_delivery=lambda e, _: errors.append(e)
    )
    assert producer.flush(30) == 0
    return errors == [None]


def run_json(capsys: pytest.CaptureFixture[str], *command: str, code: int = 0) -> dict[str, object]:
    capsys.readouterr()
    assert run_with(["dlq", *command]) == code
    printed: dict[str, object] = json.loads(capsys.readouterr().out)
    return printed


def test_letters_are_listed_by_reason_and_repeats_once(broker: LocalBroker, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = [unsealed(refused_record(offset), KEYS.dead_letter_key()) for offset in range(5)]
    outputs += outputs[3:]
    outputs.append(unsealed(refused_record(9), None, Refusal.MAC_BAD))
    send_letters(broker, outputs)
    listed = run_json(capsys, "list", "--json")
    assert (listed["count"], listed["reasons"]) == (6, {"free_text": 5, "mac_bad": 1})
    bad = run_json(capsys, "list", "--reason", "mac_bad", "--json")["letters"]
    assert isinstance(bad, list)
    assert (bad[0]["source"], bad[0]["sealed"]) == ("traces.v1[1]@9", "no")


def test_a_letter_shows_its_shape_and_saves_its_value_for_who_holds_the_key(
    broker: LocalBroker, private_key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send_letters(broker, [unsealed(refused_record(3), KEYS.dead_letter_key())])
    shown = run_json(capsys, "show", "2/0")
    assert (shown["shape"], "original" in shown) == ("{note:str}", False)
    saved = tmp_path / "value"
    shown = run_json(capsys, "show", "2/0", "--key", str(private_key), "--out", str(saved))
    assert shown["original"] == {"key_bytes": 8, "value_bytes": 21, "headers": ["ce_id", "x", "x"]}
    assert saved.read_bytes() == refused_record(3).value
    assert saved.stat().st_mode & 0o077 == 0


def test_a_replay_sends_the_same_bytes_again_and_counts(
    broker: LocalBroker, private_key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = LogRecord(7, 0, b"clinic-a", bytes(range(256)) * 4000, [("ce_id", b"cd" * 16)])
    sources = [refused_record(3), refused_record(4, None), large]
    send_letters(broker, [*(unsealed(r, KEYS.dead_letter_key()) for r in sources), unsealed(refused_record(8), None)])
    counts = run_json(capsys, "replay", "--all", "--key", str(private_key), "--json", code=1)
    assert counts == {"replayed": {"free_text": 3}, "left": {"withheld": 1}}
    found = read_topic(broker.address, TRACES)
    assert [(m.key(), m.value()) for m in found] == [(r.key, r.value) for r in sources]
    for place, (message, record) in enumerate(zip(found, sources, strict=True)):
        assert message.headers() == [*record.headers, (REPLAYED_FROM, f"2/{place}".encode())]


def test_replay_wants_to_be_told_which_letters(broker: LocalBroker, private_key: Path) -> None:
    assert run_with(["dlq", "replay", "--key", str(private_key)]) == 2


def test_another_key_opens_nothing_and_nothing_is_sent(
    broker: LocalBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send_letters(broker, [unsealed(refused_record(3), KEYS.dead_letter_key())])
    path = tmp_path / "other.pem"
    path.touch(mode=0o600)
    path.write_bytes(KeySet.from_seed(b"somebody else").dead_letter_pem())
    counts = run_json(capsys, "replay", "--all", "--key", str(path), "--json", code=1)
    assert counts == {"replayed": {}, "left": {"not_opened": 1}}
    assert read_topic(broker.address, TRACES) == []
