"""Real brokers for integration tests.

`kafka` is the session's broker, emptied before each test: topic names are fixed by the table, so tests share the
process and not the topics. `fresh_kafka` and `make_kafka` start brokers that belong to one test (4 to 10 s each).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from homeostat.infra.broker.local import LocalBroker
from tests.builders.waiting import LIMIT_S


def delete_all_topics(address: str) -> None:
    """Deletes every topic that is not Kafka's own, and waits until the broker no longer lists them."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    while names := [name for name in admin.list_topics(timeout=LIMIT_S).topics if not name.startswith("__")]:
        for future in admin.delete_topics(names, operation_timeout=LIMIT_S).values():
            # one that an earlier round deleted may still be listed
            future.exception(LIMIT_S)


@pytest.fixture
def kafka(kafka_broker: LocalBroker) -> LocalBroker:
    """The session's broker, running, without topics. Groups and transactional ids of earlier tests live on."""
    kafka_broker.start()
    delete_all_topics(kafka_broker.address)
    return kafka_broker


@pytest.fixture
def kafka_admin(kafka: LocalBroker) -> AdminClient:
    """An admin client of `kafka`."""
    return AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})


@pytest.fixture
def make_kafka(tmp_path: Path) -> Iterator[Callable[..., LocalBroker]]:
    """Starts brokers that end with the test: `make_kafka(properties={"log.cleaner.backoff.ms": "100"})`."""
    with ExitStack() as brokers:

        def make(**options: object) -> LocalBroker:
            folder = tmp_path / f"kafka-{len(list(tmp_path.glob('kafka-*')))}"
            return brokers.enter_context(LocalBroker(folder, **options))  # type: ignore[arg-type]  # passed through

        yield make


@pytest.fixture
def fresh_kafka(make_kafka: Callable[..., LocalBroker]) -> LocalBroker:
    """A broker for this test alone, to be killed, paused, restarted."""
    return make_kafka()
