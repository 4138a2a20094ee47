"""The same worker on librdkafka's broker in a process: no transactions there, said so, and nothing restarted."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.cimpl import NewTopic

from tests.builders.waiting import wait_for
from tests.integration.toy_oracle import Found, compare
from tests.integration.toy_trial import Trial


class EmbeddedTrial(Trial):
    """Topics are made by asking for them."""

    def create(self, *topics: NewTopic) -> None:
        for topic in topics:
            self.admin.list_topics(topic.topic, timeout=10)


@pytest.fixture
def trial() -> Iterator[Trial]:
    holder = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
    brokers = holder.list_topics(timeout=10).brokers.values()
    made = EmbeddedTrial(",".join(f"{broker.host}:{broker.port}" for broker in brokers), transactions="no")
    yield made
    made.close()


def test_runs_to_the_end_without_transactions(trial: Trial) -> None:
    trial.produce(300)
    worker = trial.start()
    wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 300, "the first records")
    trial.produce(300)
    wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 600, "the others")
    assert worker.end() == 0
    assert compare(trial) == Found([], [])
