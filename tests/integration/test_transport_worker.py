"""A worker process on real Kafka: what it refuses to start on, what ends it, what it shows."""

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewTopic

from homeostat.infra.broker.local import LocalBroker
from tests.builders.waiting import wait_for
from tests.integration.toy_oracle import Found, compare
from tests.integration.toy_stage import POISON, REFUSED
from tests.integration.toy_trial import Trial, trial_on

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

ENVIRONMENT, ENDED = 3, 1


@pytest.fixture
def trial(kafka_broker: LocalBroker) -> Iterator[Trial]:
    kafka_broker.start()
    with trial_on(kafka_broker.address) as made:
        yield made


def test_health_metrics_and_an_end_in_time(trial: Trial) -> None:
    worker = trial.start()
    assert worker.health("/live").status_code == 200
    trial.produce(300)
    trial.wait_processed()
    ready = worker.health("/ready")
    assert (ready.status_code, ready.json()) == (200, {"ok": True, "assigned": 4, "not_ready": {}})
    assert worker.metric("homeostat_transport_records_in_total") == 300
    assert worker.metric("homeostat_transport_lag_records") == 0
    assert worker.metric("homeostat_transport_partition_ready_ratio") == 4
    assert worker.metric("homeostat_transport_healed_total") == 0
    started_s = time.monotonic()
    assert worker.end() == 0
    assert time.monotonic() - started_s < 10


def test_two_stages_of_a_role_in_one_process(trial: Trial) -> None:
    trial.create(NewTopic(f"{trial.name}.second", trial.partitions))
    worker = trial.start(second_state=f"{trial.name}.second")
    trial.produce(300)
    trial.wait_processed()
    made = len(trial.read(trial.appended))
    assert made > 0
    wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 300 + made, "the second stage")
    assert worker.assigned() == 2 * trial.partitions
    assert worker.end() == 0
    assert compare(trial) == Found([], [])


def test_more_workers_than_partitions_stand_ready(kafka_broker: LocalBroker) -> None:
    kafka_broker.start()
    with trial_on(kafka_broker.address, 1) as trial:
        workers = [trial.start(), trial.start()]
        wait_for(lambda: sorted(worker.assigned() for worker in workers) == [0, 1], "one to serve, one to stand by")
        assert [worker.end() for worker in workers] == [0, 0]


def test_missing_state_topic(trial: Trial) -> None:
    worker = trial.start(state="nowhere")
    assert worker.wait() == ENVIRONMENT
    assert worker.logged("nowhere is missing. Run `homeostat topics create`")


def test_state_topic_with_another_number_of_partitions(trial: Trial) -> None:
    trial.create(NewTopic(f"{trial.name}.narrow", 3))
    worker = trial.start(state=f"{trial.name}.narrow")
    assert worker.wait() == ENVIRONMENT
    assert worker.logged("they must be equal")


def test_no_broker(trial: Trial) -> None:
    worker = trial.start(bootstrap="127.0.0.1:1")
    assert worker.wait() == ENVIRONMENT
    assert worker.logged("no broker answers at 127.0.0.1:1")


def test_record_that_fails_three_times_ends_the_worker_and_loses_nothing(trial: Trial) -> None:
    trial.produce(300)
    trial.produce(1, lambda _: POISON)
    trial.produce(100)
    worker = trial.start()
    assert worker.wait() == ENDED
    assert worker.logged("OffsetPoisoned: stage toy raised 3 times at offset")
    poisoned = [seen for seen in trial.read(trial.input) if seen.value == POISON]
    committed = trial.committed()
    assert all(committed.get(seen.partition, 0) <= seen.offset for seen in poisoned)


def test_build_that_refuses_most_ends_the_worker(trial: Trial) -> None:
    trial.produce(10)
    trial.produce(1, lambda _: REFUSED)
    worker = trial.start()
    assert worker.wait() == ENDED
    assert worker.logged("BuildRefusesMost")


def test_lost_prefix_of_a_log_is_passed_and_counted(trial: Trial) -> None:
    trial.produce(400)
    worker = trial.start()
    trial.wait_processed()
    assert worker.end() == 0
    trial.produce(400)
    cut = {record.partition: record.offset for record in trial.read(trial.input)}
    before = [TopicPartition(trial.input, partition, offset) for partition, offset in cut.items()]
    for deleted in trial.admin.delete_records(before).values():
        deleted.result(30)
    worker = trial.start()
    trial.produce(100)
    trial.wait_processed()
    assert worker.metric("homeostat_transport_log_gaps_total") == len(cut)
    assert worker.end() == 0


def test_input_made_anew_is_not_served(trial: Trial) -> None:
    trial.produce(400)
    worker = trial.start()
    trial.wait_processed()
    assert worker.end() == 0
    trial.admin.delete_topics([trial.input])[trial.input].result(30)
    wait_for(lambda: trial.input not in trial.admin.list_topics(timeout=10).topics, "the topic to be gone")
    trial.create(NewTopic(trial.input, trial.partitions))
    worker = trial.start()
    wait_for(lambda: worker.health("/ready").text.count("corrupt") == 4, "the worker to say so")
    assert worker.health("/live").status_code == 200
    assert worker.end() == 0
    assert worker.logged("the input topic was made anew or cut")


def test_errors_of_a_moment_are_healed(trial: Trial) -> None:
    for point in ("apply.after:raise:2", "txn.after_k_sends:raise:3", "source.committed:raise", "restore.after:raise"):
        worker = trial.start(failpoint=point)
        trial.produce(200)
        trial.wait_processed()
        assert worker.metric("homeostat_transport_healed_total") == 1
        assert worker.end() == 0
    assert compare(trial) == Found([], [])


def test_a_worker_that_its_group_refuses_ends(make_kafka: Callable[..., LocalBroker]) -> None:
    """An answer that aiokafka knows no way on from: it would wait to be asked for it, outside the group, for ever."""
    broker = make_kafka(properties={"group.max.size": "1"})
    with trial_on(broker.address) as trial:
        first = trial.start()
        wait_for(lambda: first.assigned() == trial.partitions, "the first worker to have all partitions")
        second = trial.start()
        assert second.wait(30.0) == ENDED
        assert second.logged("ClientEnded: the group's coordination ended")
        trial.produce(100)
        trial.wait_processed()
        assert first.end() == 0
