"""The local broker is a real one: it keeps records over kill, stop and pause, and ends with its owner."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # not re-exported for checkers

from homeostat.infra.broker.folder import BrokerFolder
from homeostat.infra.broker.local import LocalBroker
from homeostat.infra.broker.ports import is_answering
from homeostat.schemas.errors import BrokerUnavailable

pytestmark = pytest.mark.kafka
TOPIC = "records"


def make_topic(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])[TOPIC].result(30)


def write(address: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": address, "log_level": 0, "acks": "all"})
    for value in values:
        producer.produce(TOPIC, value, partition=0)
    assert producer.flush(30) == 0


def read(address: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    messages = consumer.consume(count, timeout=30)
    consumer.close()
    return [message.value() or b"" for message in messages]


def test_keeps_records_over_kill_stop_and_pause(fresh_kafka: LocalBroker) -> None:
    address = fresh_kafka.address
    make_topic(address)
    write(address, b"one")
    fresh_kafka.kill()
    assert not fresh_kafka.is_running
    fresh_kafka.start()
    write(address, b"two")
    fresh_kafka.restart()
    assert fresh_kafka.address == address
    fresh_kafka.pause()
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=1.0)
    fresh_kafka.resume()
    write(address, b"three")
    assert read(address, 3) == [b"one", b"two", b"three"]


def test_folder_keeps_records_and_its_port_while_that_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    with LocalBroker(folder) as first:
        address = first.address
        with pytest.raises(BrokerUnavailable, match="another broker has the folder"):
            LocalBroker(folder).start()
        make_topic(address)
        write(address, b"kept")
    with LocalBroker(folder) as second:
        assert second.address == address
        second.pause()
        second.stop()
        assert not second.is_running
    with socket.create_server(("127.0.0.1", int(address.rpartition(":")[2]))), LocalBroker(folder) as third:
        assert third.address != address
        assert read(third.address, 1) == [b"kept"]
        with pytest.raises(BrokerUnavailable, match="another broker has the folder"):
            BrokerFolder(folder).forget_cluster()
    BrokerFolder(folder).forget_cluster()
    with LocalBroker(folder) as fourth:
        assert not AdminClient({"bootstrap.servers": fourth.address}).list_topics(timeout=10).topics


def test_temporary_folder_goes_logs_are_in_a_file_and_properties_arrive() -> None:
    with LocalBroker(properties={"log.cleaner.backoff.ms": "123"}) as broker:
        folder = broker.log_dir.parent
        log = (broker.log_dir / "server.log").read_text()
        assert "Kafka Server started" in log
        assert "log.cleaner.backoff.ms = 123" in log
        assert (broker.log_dir / "console.log").read_text() == ""
    assert not folder.exists()


def test_does_not_make_topics_by_asking(kafka_admin: AdminClient) -> None:
    kafka_admin.list_topics("nobody-made-this", timeout=10)
    assert "nobody-made-this" not in kafka_admin.list_topics(timeout=10).topics


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    broker = LocalBroker(tmp_path / "data", properties={"num.io.threads": "none"})
    with pytest.raises(BrokerUnavailable, match=r"num\.io\.threads"):
        broker.start()
    assert not broker.is_running


def test_several_may_start_at_once(tmp_path: Path) -> None:
    def run(name: str) -> str:
        with LocalBroker(tmp_path / name) as broker:
            return broker.address

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(run, ["a", "b"]))) == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_command_serves_until_told_and_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    program = "from homeostat.streams.cli.main import run; run()"
    options = ["broker", "start", "--port", "0", "--json", "--data", str(tmp_path / "data")]
    command = [sys.executable, "-c", program, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        port = int(ready["bootstrap_servers"].rpartition(":")[2])
        assert is_answering(port)
        broker = os.pidfd_open(ready["pid"])
        process.send_signal(how)
        process.communicate(timeout=30)
        assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 0)
        await_end(broker)
    assert not is_answering(port)


def await_end(pidfd: int) -> None:
    ended, _, _ = select.select([pidfd], [], [], 30)
    os.close(pidfd)
    assert ended
