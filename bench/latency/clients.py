"""How the traces' producer and the probe are set: alike, so that the ratio compares the platform with Kafka alone."""

from confluent_kafka import Consumer, Producer

LINGER_MS = 5
PRODUCER = {"enable.idempotence": True, "acks": "all", "linger.ms": LINGER_MS, "compression.type": "lz4"}
"""No transactions. The linger is librdkafka's own default."""


def make_producer(address: str) -> Producer:
    """The producer of traces, and of the probe."""
    return Producer({"bootstrap.servers": address, "log_level": 0, "delivery.report.only.error": True, **PRODUCER})


def make_consumer(address: str, group: str) -> Consumer:
    """A consumer that is told of a record as soon as it may be read: committed, and without waiting for more."""
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 2,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
