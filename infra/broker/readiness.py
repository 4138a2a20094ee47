"""Waits for a broker by what it does: it answers, it lists itself among the brokers."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.ports import is_answering


def is_ready(address: str) -> bool:
    """Whether a broker at `host:port` on loopback accepts connections and lists itself as a live broker.

    Takes a second at most.
    """
    if not is_answering(int(address.rpartition(":")[2])):
        return False
    # refused connections are the normal case here, and the library logs every one
    client = AdminClient({"bootstrap.servers": address, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return False
