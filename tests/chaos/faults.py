"""The faults of a trial: each takes a running installation, does its harm, and leaves it running again."""

import random
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from homeostat.schemas.topics import ROLE_STAGES
from homeostat.streams.demo.children import Child
from homeostat.streams.failpoints import ALL_FAILPOINTS, GATEWAY_FAILPOINTS
from tests.builders.waiting import LIMIT_S, wait_for
from tests.chaos.compaction import compact_states
from tests.chaos.installation import Installation

ROLES = tuple(ROLE_STAGES)
_AT_START = frozenset({"claim.before_restore", "restore.during", "restore.after"})
_AT_STOP, _AT_REVOKE, _AT_OUTPUTS = "stop.final_checkpoint", "revoke.before_final_checkpoint", "outputs.sent_some"
_TRIES = 8
_MOST_PASSES = 4
_IN_A_CHECKPOINT = "txn.all_sent_before_commit:stop:3"


class Running:
    """An installation with the processes that play each part now. A role's own worker keeps the role's seat."""

    def __init__(self, trial: Installation, seed: int) -> None:
        self.trial = trial
        self.random = random.Random(seed)
        self.workers: dict[str, Child] = {role: trial.worker(role, keeps_seat=True) for role in ROLES}
        self.gateway = trial.gateway()

    def restart(self, role: str, failpoint: str = "", keeps_seat: bool = True) -> Child:
        """Put a new worker in the place of one that has ended."""
        self.trial.replace(self.workers[role])
        self.workers[role] = self.trial.worker(role, failpoint, keeps_seat)
        return self.workers[role]

    def restart_armed(self, role: str, armed: str, keeps_seat: bool = True) -> Child:
        """Put a worker with a failpoint in the place of one that has ended, and wait for it to serve or to meet it."""
        worker = self.restart(role, armed, keeps_seat)
        wait_for(lambda: is_ready(worker) or is_stopped(worker), f"{worker.name} to serve, or to meet its failpoint")
        return worker

    def await_serving(self, role: str) -> None:
        """Wait until a role's worker serves: before that, TERM finds a process that has nothing to stop in order."""
        worker = self.workers[role]
        wait_for(lambda: is_ready(worker), f"{worker.name} to serve")

    def kill(self, role: str) -> None:
        """Kill a role's worker at this very moment."""
        self.trial.end(self.workers[role], signal.SIGKILL)

    def restart_gateway(self, failpoint: str = "") -> None:
        """Put a new gateway in the place of one that has ended, over the same store."""
        self.trial.replace(self.gateway)
        self.gateway = self.trial.gateway(failpoint)


Fault = Callable[[Running, str], None]
"""Harm for a role; where the harm is another part's, the role is passed over."""


def worker_faults() -> Mapping[str, Fault]:
    """By name, what happens to a role's worker: every failpoint of the transport, and any moment."""
    faults: dict[str, Fault] = {name: partial(_at_failpoint, name) for name in ALL_FAILPOINTS}
    others: dict[str, Fault] = {
        "kill -9": _kill,
        "TERM": _terminate,
        "second worker": _join_and_take_over,
        "stalled worker, compaction": _stall,
    }
    return MappingProxyType(faults | others)


def platform_faults() -> Mapping[str, Fault]:
    """By name, what happens to the gateway and the broker: every failpoint of a gateway, and any moment."""
    faults: dict[str, Fault] = {name: partial(_at_gateway_failpoint, name) for name in GATEWAY_FAILPOINTS}
    others: dict[str, Fault] = {
        "kill -9 gateway": _kill_gateway,
        "broker restart": _restart_broker,
        "broker kill": _kill_broker,
    }
    return MappingProxyType(faults | others)


def is_ready(child: Child) -> bool:
    """Whether a worker serves a partition, or has ended."""
    return child.process.poll() is not None or _has_logged(child, "partition ready")


def is_stopped(child: Child) -> bool:
    """Whether a process stands still after SIGSTOP."""
    return Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _at_failpoint(name: str, running: Running, role: str) -> None:
    """A role's worker is killed when it passes a point for the n-th time, and started again."""
    passes = 1 if name in {_AT_STOP, _AT_REVOKE, _AT_OUTPUTS} else running.random.randint(1, _MOST_PASSES)
    armed = f"{name}:kill:{passes}"
    if name in _AT_START:
        running.kill(role)
        running.restart(role, armed)
    else:
        running.trial.end(running.workers[role])
        running.restart_armed(role, armed)
    if name == _AT_STOP:
        _stop_until_killed(running, role, armed)
    elif name == _AT_REVOKE:
        _join_until_killed(running, role)
    elif name == _AT_OUTPUTS:
        running.trial.apply_rollouts()  # once its rollouts have ended, the release role appends nothing
    await_killed(running.workers[role])
    running.restart(role)


def _stop_until_killed(running: Running, role: str, armed: str) -> None:
    """TERM, again and again: a worker that has just saved everything has no final checkpoint to be killed in."""
    for _ in range(_TRIES):
        if running.trial.end(running.workers[role]) != 0:
            return
        running.restart_armed(role, armed)


def _join_until_killed(running: Running, role: str) -> None:
    """A second worker joins, so that the first must give partitions up; again, if it had just saved them all."""
    for _ in range(_TRIES):
        if _has_ended(running.workers[role]):
            return
        _join_and_leave(running, role)


def _join_and_leave(running: Running, role: str) -> None:
    first, second = running.workers[role], running.trial.worker(role)
    wait_for(lambda: is_ready(second) or _has_ended(first), f"{second.name} to serve")
    running.trial.end(second)
    running.trial.replace(second)


def _at_gateway_failpoint(name: str, running: Running, _: str) -> None:
    running.trial.end(running.gateway)
    running.restart_gateway(f"{name}:kill")
    running.trial.apply_new_target()
    await_killed(running.gateway)
    running.restart_gateway()


def _kill(running: Running, role: str) -> None:
    running.kill(role)
    running.restart(role)


def _terminate(running: Running, role: str) -> None:
    status = running.trial.end(running.workers[role], limit_s=12.0)
    assert status == 0, f"{role} ended with {status} on TERM"
    running.restart(role)


def _join_and_take_over(running: Running, role: str) -> None:
    """A second worker joins; when both serve, the first is killed and the second has everything."""
    second = running.trial.worker(role)
    wait_for(lambda: is_ready(second), f"{second.name} to serve")
    running.kill(role)
    running.trial.replace(running.workers[role])
    running.workers[role] = second


def _stall(running: Running, role: str) -> None:
    """A worker stands still inside a checkpoint, another takes over, the states are compacted, and the first wakes.

    The broker must refuse the checkpoint that it goes on with.
    """
    running.trial.end(running.workers[role])
    stalled = running.restart_armed(role, _IN_A_CHECKPOINT, keeps_seat=False)
    wait_for(lambda: is_stopped(stalled), f"{stalled.name} to stand still")
    running.workers[role] = running.trial.worker(role, keeps_seat=True)
    wait_for(lambda: is_ready(running.workers[role]), "the second worker to take over")
    compact_states(running.trial, role)
    stalled.signal(signal.SIGCONT)
    wait_for(lambda: _has_logged(stalled, '"fenced": true'), "the woken worker to be fenced")
    running.trial.end(stalled)
    running.trial.replace(stalled)


def _restart_broker(running: Running, _: str) -> None:
    running.trial.broker.restart()


def _kill_broker(running: Running, _: str) -> None:
    running.trial.broker.kill()
    running.trial.broker.start()


def _kill_gateway(running: Running, _: str) -> None:
    running.trial.end(running.gateway, signal.SIGKILL)
    running.restart_gateway()


def await_killed(child: Child, limit_s: float = LIMIT_S) -> None:
    """Wait until a process has met the failpoint that it was started with."""
    wait_for(lambda: _has_ended(child), f"{child.name} to meet its failpoint", limit_s)
    assert child.process.returncode == -signal.SIGKILL, f"{child.name} ended with {child.process.returncode}"


def _has_ended(child: Child) -> bool:
    return child.process.poll() is not None


def _has_logged(child: Child, text: str) -> bool:
    return text in child.log_path.read_text(errors="replace")
