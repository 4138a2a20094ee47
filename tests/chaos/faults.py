"""The faults of a trial: each takes a running installation, does its harm, and leaves it running again."""

import random
import signal
from collections.abc import Callable

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from homeostat.schemas.topics import COMMANDS, LEASES, ROLE_STAGES, state_topic
from homeostat.streams.demo.children import Child
from homeostat.streams.failpoints import ALL_FAILPOINTS, GATEWAY_FAILPOINTS
from tests.chaos.installation import Installation, wait_for

Fault = Callable[["Running"], None]
ROLES = tuple(ROLE_STAGES)
_AT_START = frozenset({"claim.before_restore", "restore.during", "restore.after"})
_TRIES = 8
_AT_STOP, _AT_REVOKE = "stop.final_checkpoint", "revoke.before_final_checkpoint"


class Running:
    """An installation with the processes that play each part now."""

    def __init__(self, trial: Installation, seed: int) -> None:
        self.trial = trial
        self.random = random.Random(seed)
        self.workers: dict[str, Child] = {role: trial.worker(role) for role in ROLES}
        self.gateway = trial.gateway()

    def restart(self, role: str) -> None:
        """Put a new worker in the place of one that has ended."""
        self.trial.replace(self.workers[role])
        self.workers[role] = self.trial.worker(role)

    def kill(self, role: str) -> None:
        """Kill a role's worker at this very moment."""
        self.trial.end(self.workers[role], signal.SIGKILL)


def all_faults() -> dict[str, Fault]:
    """Every named fault: failpoints in turn on both roles, then what happens to processes and brokers."""
    faults: dict[str, Fault] = {
        name: at_failpoint(name, ROLES[number % len(ROLES)]) for number, name in enumerate(ALL_FAILPOINTS)
    }
    faults |= {name: _at_gateway_failpoint(name) for name in GATEWAY_FAILPOINTS}
    faults |= {f"kill -9 {role}": _kill(role) for role in ROLES}
    faults |= {f"TERM {role}": _terminate(role) for role in ROLES}
    return faults | {
        "second worker": _join_and_leave,
        "stalled worker, compaction": _stall,
        "broker restart": _restart_broker,
        "broker kill": _kill_broker,
        "kill -9 gateway": _kill_gateway,
    }


def at_failpoint(name: str, role: str, passes: int = 1) -> Fault:
    """Killed when a worker of the role passes a point for the n-th time, and started again."""

    def harm(running: Running) -> None:
        armed = f"{name}:kill:{passes}"
        if name in _AT_START:
            running.kill(role)
            _await_killed(running.trial.worker(role, armed))
        else:
            running.trial.end(running.workers[role])
            _restart_armed(running, role, armed)
            if name == _AT_STOP:
                _stop_until_killed(running, role, armed)
            elif name == _AT_REVOKE:
                _join_until(running, role)
            _await_killed(running.workers[role])
        running.restart(role)

    return harm


def _restart_armed(running: Running, role: str, armed: str) -> None:
    running.trial.replace(running.workers[role])
    running.workers[role] = running.trial.worker(role, armed)
    wait_for(lambda: _is_ready(running.workers[role]), f"{role} to serve, or to have met its failpoint")


def _stop_until_killed(running: Running, role: str, armed: str) -> None:
    """TERM, again and again: a worker that has just saved everything has no final checkpoint to be killed in."""
    for _ in range(_TRIES):
        if running.trial.end(running.workers[role]) != 0:
            return
        _restart_armed(running, role, armed)


def _join_until(running: Running, role: str) -> None:
    """A second worker joins, so that the first must give partitions up; the second leaves again."""
    second = running.trial.worker(role)
    _await_killed(running.workers[role])
    running.trial.end(second)
    running.trial.replace(second)


def _at_gateway_failpoint(name: str) -> Fault:
    def harm(running: Running) -> None:
        running.trial.end(running.gateway)
        running.trial.replace(running.gateway)
        running.gateway = running.trial.gateway(f"{name}:kill")
        running.trial.apply_new_target()
        _await_killed(running.gateway)
        running.trial.replace(running.gateway)
        running.gateway = running.trial.gateway()

    return harm


def _kill(role: str) -> Fault:
    def harm(running: Running) -> None:
        running.kill(role)
        running.restart(role)

    return harm


def _terminate(role: str) -> Fault:
    def harm(running: Running) -> None:
        status = running.trial.end(running.workers[role], limit_s=12.0)
        assert status == 0, f"{role} ended with {status} on TERM"
        running.restart(role)

    return harm


def _join_and_leave(running: Running) -> None:
    second = running.trial.worker("observe")
    wait_for(lambda: _is_ready(second), "the second worker to serve")
    running.kill("observe")
    running.trial.replace(running.workers["observe"])
    running.workers["observe"] = second


def _stall(running: Running) -> None:
    """Stop a worker past its session, let another take over and checkpoint, compact, and wake the first."""
    stalled = running.workers["observe"]
    stalled.signal(signal.SIGSTOP)
    running.workers["observe"] = running.trial.worker("observe")
    wait_for(lambda: _is_ready(running.workers["observe"]), "the second worker to take over")
    _force_compaction(running.trial)
    stalled.signal(signal.SIGCONT)
    wait_for(lambda: _has_logged(stalled, "state dropped"), "the woken worker to be fenced")
    running.trial.end(stalled)
    running.trial.replace(stalled)


def _restart_broker(running: Running) -> None:
    running.trial.broker.restart()


def _kill_broker(running: Running) -> None:
    running.trial.broker.kill()
    running.trial.broker.start()


def _kill_gateway(running: Running) -> None:
    running.trial.end(running.gateway, signal.SIGKILL)
    running.trial.replace(running.gateway)
    running.gateway = running.trial.gateway()


def _force_compaction(trial: Installation) -> None:
    admin = AdminClient({"bootstrap.servers": trial.broker.address, "log_level": 0})
    names = [*(state_topic(stage) for stages in ROLE_STAGES.values() for stage in stages), COMMANDS, LEASES]
    settings = {"segment.ms": "200", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "500"}
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in settings.items()
            ],
        )
        for name in names
    ]
    for future in admin.incremental_alter_configs(resources).values():
        future.result(20)


def _await_killed(child: Child) -> None:
    wait_for(lambda: child.process.poll() is not None, f"{child.name} to meet its failpoint")
    assert child.process.returncode == -signal.SIGKILL, f"{child.name} ended with {child.process.returncode}"


def _is_ready(child: Child) -> bool:
    return child.process.poll() is not None or _has_logged(child, "partition ready")


def _has_logged(child: Child, text: str) -> bool:
    return text in child.log_path.read_text(errors="replace")
