"""The embedded broker really has the limits that it is said to have."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from homeostat.infra.broker.embedded import KEPT_BYTES_PER_PARTITION, PARTITIONS_EVERYWHERE, EmbeddedBroker
from homeostat.infra.broker.ports import is_answering
from homeostat.infra.broker.retention_watch import PartitionFill, RetentionWatch
from homeostat.schemas.errors import BrokerUnavailable


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        broker.start(["traces.v1", "policies.v1"])
        yield broker


@pytest.fixture
def watch(broker: EmbeddedBroker) -> Iterator[RetentionWatch]:
    watch = RetentionWatch(broker.address, record_bytes=1_000)
    yield watch
    watch.close()


def write(address: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    for _ in range(count):
        producer.produce("traces.v1", b"x" * 1_000, partition=1)
    assert producer.flush(30) == 0


def test_four_partitions_everywhere(broker: EmbeddedBroker) -> None:
    topics = Producer({"bootstrap.servers": broker.address, "log_level": 0}).list_topics(timeout=10).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {
        "traces.v1": PARTITIONS_EVERYWHERE,
        "policies.v1": PARTITIONS_EVERYWHERE,
    }


def test_keeps_what_stays_under_its_limit(broker: EmbeddedBroker, watch: RetentionWatch) -> None:
    write(broker.address, 4_000)
    fullest = watch.look()[0]
    assert fullest == PartitionFill("traces.v1", 1, 0, 4_000, 4_000_000)
    assert fullest.fill_ratio == 4_000_000 / KEPT_BYTES_PER_PARTITION
    assert fullest.explain() == "traces.v1[1]: about 76% full (4000 records written)"
    assert watch.find_dropped() == []
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition("traces.v1", 1, 0)])
    assert len(consumer.consume(4_000, timeout=30)) == 4_000
    consumer.close()


def test_the_watch_sees_what_was_dropped(broker: EmbeddedBroker, watch: RetentionWatch) -> None:
    write(broker.address, 8_000)
    (fill,) = watch.find_dropped()
    assert (fill.topic, fill.partition, fill.high) == ("traces.v1", 1, 8_000)
    assert 2_000 < fill.dropped < 4_500
    assert fill.fill_ratio > 1
    assert "DROPPED" in fill.explain()


def test_ends_with_stop() -> None:
    broker = EmbeddedBroker()
    broker.start()
    broker.start()
    port = int(broker.address.rpartition(":")[2])
    watch = RetentionWatch(broker.address, limit_s=0.5)
    assert is_answering(port)
    broker.stop()
    assert not is_answering(port)
    with pytest.raises(BrokerUnavailable, match=r"call start\(\)"):
        _ = broker.address
    with pytest.raises(BrokerUnavailable, match="did not answer"):
        watch.look()
    watch.close()
