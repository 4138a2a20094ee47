"""Fault trials on real Kafka: after each fault every stage is exactly what the core makes of its own input.

The negative control, transactions off, stands with the transport (`tests/integration/test_transport_exact.py`).
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.demo.children import Child
from homeostat.streams.failpoints import ALL_FAILPOINTS
from tests.chaos.faults import Fault, Running, all_faults
from tests.chaos.installation import Installation, wait_for
from tests.chaos.oracle import Found, compare, read_newest_generations
from tests.integration.conftest import delete_all_topics

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(7200)]

SPEED = 0.25
FULL_FAULTS = 100
SMALL_AT_ONCE = 5
"""Small size: every failpoint of the transport once, so many compared together; full size: each by itself."""


@contextmanager
def running_installation(broker: LocalBroker, folder: Path, prefix: str) -> Iterator["Rounds"]:
    """Everything up and serving, traffic about to begin."""
    broker.start()
    delete_all_topics(broker.address)
    trial = Installation(broker, folder, prefix)
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

    def play(self, *faults: Fault) -> Found:
        """One round of faults in turn. Control and clinics are stopped while it is compared, and go on afterwards."""
        trial = self.running.trial
        self._number += 1
        self._resume()
        trial.apply_rollouts(self._number)
        self._await_traffic(100)
        for fault in faults:
            fault(self.running)
            self._await_traffic(60)
        self._simulator.signal(signal.SIGSTOP)
        self._control.signal(signal.SIGSTOP)
        trial.settle()
        newest = read_newest_generations(trial)
        wait_for(lambda: trial.targets() == newest, "the gateway to have caught up")
        return compare(trial)

    def _await_traffic(self, sessions: int) -> None:
        begun = self._sessions()
        wait_for(lambda: self._sessions() > begun + sessions, "traffic")

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
    plan, at_once = [*ALL_FAILPOINTS], SMALL_AT_ONCE
    if fault_trials == "full":
        plan = list(faults)
        plan, at_once = (plan * (FULL_FAULTS // len(plan) + 1))[: max(FULL_FAULTS, 3 * len(plan))], 1
    with running_installation(kafka_broker, tmp_path, "exact") as rounds:
        for first in range(0, len(plan), at_once):
            names = plan[first : first + at_once]
            found = rounds.play(*(faults[name] for name in names))
            name = ", ".join(names)
            compared = f"{found.inputs} read, {found.outputs} outputs, {found.repeats} repeats, {found.states} states"
            sys.stdout.write(f"{name}: {compared}\n")
            assert not found.wrong, f"after {name}: {len(found.wrong)} differences, such as {found.wrong[:3]}"
