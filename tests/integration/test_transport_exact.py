"""State and outputs of a killed, stalled, moved or restarted worker equal the stage's over the dump of its input."""

import signal
from collections.abc import Iterator

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.failpoints import ALL_FAILPOINTS
from tests.builders.waiting import wait_for
from tests.integration.toy_oracle import Found, compare, find_skipped
from tests.integration.toy_trial import Trial, WorkerProcess, trial_on

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(600)]

EXACT = Found([], [])
AT_START = ("claim.before_restore", "restore.during", "restore.after")
AT_END = ("revoke.before_final_checkpoint", "stop.final_checkpoint")
READMITTED_S = 120.0
"""After its broker died a worker may have to wait for its former membership's end (20 s), for the open transaction's
(30 s, looked at every 10 s), and for the pauses between its tries."""
WHILE_RUNNING = tuple(name for name in ALL_FAILPOINTS if name not in AT_START + AT_END)


@pytest.fixture
def trial(kafka_broker: LocalBroker) -> Iterator[Trial]:
    """A trial on the session's broker whose first worker is a static member, so that its place is kept for it."""
    kafka_broker.start()
    with trial_on(kafka_broker.address, static_id="first", session_timeout_s="6") as made:
        yield made


def finish(trial: Trial, killed: LocalBroker | None = None) -> None:
    """A fresh worker takes what is left and some more, ends in order, and everything is as it should be."""
    trial.produce(300)
    worker = trial.start()
    trial.wait_processed()
    assert worker.end() == 0
    assert compare(trial, find_skipped(killed.log_dir) if killed else frozenset()) == EXACT


@pytest.mark.parametrize("name", WHILE_RUNNING)
def test_killed_while_running(trial: Trial, name: str) -> None:
    trial.produce(900)
    trial.produce_in_transactions(240, 20)
    worker = trial.start(failpoint=f"{name}:kill:3")
    assert worker.wait() == -signal.SIGKILL
    finish(trial)


@pytest.mark.parametrize("name", AT_START)
def test_killed_while_starting(trial: Trial, name: str) -> None:
    trial.produce(600)
    worker = trial.start()
    trial.wait_processed()
    assert worker.end(signal.SIGKILL) == -signal.SIGKILL
    trial.produce(300)
    assert trial.start(failpoint=f"{name}:kill:2").wait() == -signal.SIGKILL
    finish(trial)


def test_killed_at_the_final_checkpoint(trial: Trial) -> None:
    worker = start_unsaved(trial, failpoint="stop.final_checkpoint:kill")
    assert worker.end() == -signal.SIGKILL
    finish(trial)


def test_killed_when_partitions_are_taken_away(trial: Trial) -> None:
    worker = start_unsaved(trial, failpoint="revoke.before_final_checkpoint:kill")
    second = trial.start(static_id="second")
    assert worker.wait() == -signal.SIGKILL
    wait_for(lambda: second.assigned() == trial.partitions, "the second worker to have all partitions")
    trial.wait_processed()
    assert second.end() == 0
    finish(trial)


def test_second_worker_joins_and_leaves(trial: Trial) -> None:
    first, second = trial.start(static_id=""), trial.start(static_id="")
    wait_for(lambda: first.assigned() == second.assigned() == 2, "two partitions each")
    trial.produce(600)
    assert second.end() == 0
    trial.produce(600)
    wait_for(lambda: first.assigned() == trial.partitions, "the first worker to have all partitions")
    trial.wait_processed()
    assert first.end() == 0
    finish(trial)


@pytest.mark.parametrize("stop", ["", "txn.all_sent_before_commit:stop:4", "claim.before_restore:stop:2"])
def test_stalled_worker_wakes_when_another_has_its_partitions(kafka_broker: LocalBroker, stop: str) -> None:
    kafka_broker.start()
    with trial_on(kafka_broker.address, session_timeout_s="4") as trial:
        trial.produce(800)
        stalled = trial.start(failpoint=stop)
        if not stop:
            wait_for(lambda: stalled.metric("homeostat_transport_records_in_total") > 0, "the first records")
            stalled.send(signal.SIGSTOP)
        wait_for(lambda: keep_writing_until_stopped(trial, stalled), "the worker to stand still")
        other = trial.start()
        wait_for(lambda: other.assigned() == trial.partitions, "the other worker to have all partitions")
        trial.produce(400)
        trial.wait_processed()
        stalled.send(signal.SIGCONT)
        wait_for(lambda: stalled.assigned() == other.assigned() == 2, "the woken worker to be given partitions again")
        trial.produce(400)
        trial.wait_processed()
        assert (stalled.end(), other.end()) == (0, 0)
        assert compare(trial) == EXACT
        # what was restored meanwhile was claimed by the other worker: the woken one is refused, or never wrote
        assert stop.startswith("claim") or stalled.logged('"fenced": true') or not stalled.logged("state dropped")


def test_broker_stops_dies_and_comes_back(fresh_kafka: LocalBroker) -> None:
    with trial_on(fresh_kafka.address) as trial:
        worker = trial.start()
        wait_for(lambda: worker.assigned() == trial.partitions, "the worker to have all partitions")
        for end in (fresh_kafka.stop, fresh_kafka.kill):
            trial.produce(400)
            end()
            fresh_kafka.start()
            trial.produce(400)
            trial.wait_processed(READMITTED_S)
        assert worker.end() == 0
        assert compare(trial, find_skipped(fresh_kafka.log_dir)) == EXACT


def test_term_ends_a_worker_whose_broker_is_gone(fresh_kafka: LocalBroker) -> None:
    with trial_on(fresh_kafka.address, interval_s="3600", session_timeout_s="6") as trial:
        trial.produce(400)
        worker = trial.start()
        wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 400, "all records applied")
        fresh_kafka.kill()
        worker.end(limit_s=12.0)
        fresh_kafka.start()
        finish(trial, fresh_kafka)


def test_without_transactions_the_check_finds_errors(kafka_broker: LocalBroker) -> None:
    """The negative control: killed in the middle of a checkpoint, some of its records are there and others not."""
    kafka_broker.start()
    options = {"static_id": "first", "session_timeout_s": "6", "batch_records": "1000"}
    found = {}
    for transactions in ("no", "yes"):
        with trial_on(kafka_broker.address, 1, transactions=transactions, **options) as trial:
            trial.produce(800)
            worker = trial.start(failpoint="txn.after_k_sends:kill:25")
            assert worker.wait() == -signal.SIGKILL
            worker = trial.start()
            trial.wait_processed()
            assert worker.end() == 0
            found[transactions] = compare(trial)
    assert found["yes"] == EXACT
    assert found["no"].state
    assert found["no"].outputs


def start_unsaved(trial: Trial, **options: str) -> WorkerProcess:
    """Start a worker that has applied records and saves nothing before its end, but for compacted outputs."""
    worker = trial.start(interval_s="3600", **options)
    trial.produce(700)
    wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 700, "700 records applied")
    trial.produce(60)
    wait_for(lambda: worker.metric("homeostat_transport_records_in_total") == 760, "60 more applied")
    return worker


def keep_writing_until_stopped(trial: Trial, worker: WorkerProcess) -> bool:
    trial.produce(20)
    return worker.is_stopped
