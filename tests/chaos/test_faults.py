"""Fault trials on real Kafka: after each fault every stage is exactly what the core makes of its own input."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.demo.children import Child
from tests.chaos.faults import Fault, Running, all_faults
from tests.chaos.installation import Installation, wait_for
from tests.chaos.oracle import Found, compare
from tests.integration.conftest import delete_all_topics

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(7200)]

SPEED = 0.25
FULL_FAULTS = 100


@contextmanager
def running_installation(
    broker: LocalBroker, folder: Path, prefix: str, transactions: bool = True
) -> Iterator["Rounds"]:
    """Everything up and serving, traffic about to begin."""
    broker.start()
    delete_all_topics(broker.address)
    trial = Installation(broker, folder, prefix, transactions)
    try:
        control = trial.worker("control")
        running = Running(trial, seed=1)
        trial.apply_setup()
        yield Rounds(running, control, trial.simulator(SPEED))
    finally:
        trial.close()


class Rounds:
    """Rounds of one installation: traffic, a fault, traffic, quiet, comparison."""

    def __init__(self, running: Running, control: Child, simulator: Child) -> None:
        self.running, self._control, self._simulator = running, control, simulator
        self._number = 0

    def play(self, fault: Fault) -> Found:
        """One round. Control and clinics are stopped while it is compared, and go on afterwards."""
        trial = self.running.trial
        self._number += 1
        self._resume()
        trial.apply_rollouts(self._number)
        begun = self._sessions()
        wait_for(lambda: self._sessions() > begun + 100, "traffic before the fault")
        fault(self.running)
        again = self._sessions()
        wait_for(lambda: self._sessions() > again + 60, "traffic after the fault")
        self._simulator.signal(signal.SIGSTOP)
        self._control.signal(signal.SIGSTOP)
        trial.settle()
        newest = trial.targets()
        wait_for(lambda: trial.targets() == newest != {}, "the gateway to have caught up")
        return compare(trial)

    def _resume(self) -> None:
        for child in (self._control, self._simulator):
            child.signal(signal.SIGCONT)

    def _sessions(self) -> int:
        lines = self._simulator.log_path.read_text().splitlines()
        return max(
            (int(line.split('"sessions": ')[1].split(",")[0]) for line in lines if '"sessions"' in line), default=0
        )


def test_every_fault_leaves_every_stage_exact(kafka_broker: LocalBroker, tmp_path: Path, fault_trials: str) -> None:
    faults = all_faults()
    plan = list(faults)
    if fault_trials == "full":
        plan = (plan * (FULL_FAULTS // len(plan) + 1))[: max(FULL_FAULTS, 3 * len(plan))]
    with running_installation(kafka_broker, tmp_path, "exact") as rounds:
        for name in plan:
            found = rounds.play(faults[name])
            compared = f"{found.inputs} read, {found.outputs} outputs, {found.repeats} repeats, {found.states} states"
            sys.stdout.write(f"{name}: {compared}\n")
            assert not found.wrong, f"after {name}: {len(found.wrong)} differences, such as {found.wrong[:3]}"


def test_without_transactions_the_same_check_fails(kafka_broker: LocalBroker, tmp_path: Path) -> None:
    faults = all_faults()
    wrong: list[str] = []
    with running_installation(kafka_broker, tmp_path, "negative", transactions=False) as rounds:
        for name in ("outputs.after_before_txn", "stalled worker, compaction", "kill -9 observe", "kill -9 release"):
            wrong += rounds.play(faults[name]).wrong
            if wrong:
                break
    assert wrong, "state and outputs were exact without transactions: the check cannot fail"
