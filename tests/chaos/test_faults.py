"""Fault trials on real Kafka: after each group of faults every stage is exactly what the core makes of its own input.

The negative control, transactions off, stands with the transport (`tests/integration/test_transport_exact.py`).
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.streams.demo.children import Child
from tests.builders.waiting import wait_for
from tests.chaos.compaction import EAGER_CLEANER
from tests.chaos.faults import Running
from tests.chaos.installation import Installation
from tests.chaos.oracle import Found, Oracle, read_newest_generations
from tests.chaos.plan import Planned, make_plan
from tests.chaos.progress import Progress

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(7200)]

SPEED = 0.25


@contextmanager
def running_installation(folder: Path) -> Iterator["Rounds"]:
    """Everything up and serving, traffic about to begin, on a broker of its own."""
    with LocalBroker(folder / "kafka", properties=EAGER_CLEANER) as broker:
        trial = Installation(broker, folder / "trial", "exact")
        try:
            control = trial.worker("control")
            running = Running(trial, seed=1)
            trial.apply_setup()
            yield Rounds(running, control, trial.simulator(SPEED))
        finally:
            trial.close()


class Rounds:
    """Rounds of one installation: traffic, faults, traffic, quiet, comparison."""

    def __init__(self, running: Running, control: Child, simulator: Child) -> None:
        self.running, self._control, self._simulator = running, control, simulator
        self._oracle = Oracle(running.trial)

    def play(self, group: Sequence[Planned], progress: Progress) -> Found:
        """One round of faults in turn. Control and clinics are stopped while it is compared, and go on afterwards."""
        trial = self.running.trial
        self._resume()
        trial.apply_rollouts()
        self._await_traffic(100)
        progress.pass_over()
        for planned in group:
            if planned.role:
                self.running.await_serving(planned.role)
            planned.fault(self.running, planned.role)
            self._await_traffic(self.running.random.randint(20, 80))
            progress.note_fault(planned)
        self._simulator.signal(signal.SIGSTOP)
        self._control.signal(signal.SIGSTOP)
        trial.settle()
        newest = read_newest_generations(trial)
        wait_for(lambda: trial.targets() == newest, "the gateway to have caught up")
        wait_for(lambda: trial.unsaid() == 0, "the gateway to have said so")
        trial.children.check()
        progress.note_quiet()
        return self._oracle.compare()

    def _await_traffic(self, sessions: int) -> None:
        begun = self._sessions()
        wait_for(lambda: self._sessions() > begun + sessions, "traffic")
        self.running.trial.children.check()

    def _resume(self) -> None:
        for child in (self._control, self._simulator):
            child.signal(signal.SIGCONT)

    def _sessions(self) -> int:
        lines = self._simulator.log_path.read_text().splitlines()
        return max(
            (int(line.split('"sessions": ')[1].split(",")[0]) for line in lines if '"sessions"' in line), default=0
        )


def test_every_fault_leaves_every_stage_exact(
    tmp_path: Path, fault_trials: str, faults_only: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    def write(line: str) -> None:
        with capfd.disabled():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    plan = make_plan(fault_trials, faults_only)
    progress = Progress(sum(map(len, plan)), write)
    with running_installation(tmp_path) as rounds:
        progress.begin()
        for group in plan:
            found = rounds.play(group, progress)
            progress.note_comparison(found)
            names = ", ".join(planned.name for planned in group)
            assert not found.wrong, (
                f"after {names}: {len(found.wrong)} differences, such as {found.wrong[:3]}; logs in {tmp_path}"
            )
        found = Oracle(rounds.running.trial).compare()
        progress.note_comparison(found)
        assert not found.wrong, f"from the beginning: {len(found.wrong)} differences, such as {found.wrong[:3]}"
    progress.end()
