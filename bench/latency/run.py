"""One run: a broker, an installation on it, the load and the probe beside it, and what was seen."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from bench.latency.beside import Beside
from bench.latency.deciding import Deciding, read_deciding
from bench.latency.documents import latency_policy, read_setup, sign_rollouts
from bench.latency.installation import Installation
from bench.latency.load import Ints, Load, LoadJob, prepare_load
from bench.latency.plan import Trial, plan_trials
from bench.latency.probe import ProbeJob, prepare_probe
from bench.latency.sizes import Size
from bench.latency.watch import Mark, TakenBack, Watch
from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.partition import partition_of

Say = Callable[[str], None]
_HEAP_MIB = 1024
_START_LIMIT_S = 180.0
_BEGIN_S = 0.5
_LATE_S = 120.0
_ACKS = 2
"""Of each rollout: its exposure, and that it was taken back."""


class Clock(NamedTuple):
    """When the first trace was due: on the monotonic clock, and by the wall."""

    start_ns: int
    start_ms: int

    @classmethod
    def begin_soon(cls) -> Self:
        return cls(time.monotonic_ns() + round(_BEGIN_S * 1e9), time.time_ns() // 1_000_000 + round(_BEGIN_S * 1e3))

    def due_ns(self, slot: int, traces_per_s: int) -> int:
        """When a slot's trace was due."""
        return self.start_ns + round(slot * 1_000_000_000 / traces_per_s)

    def of_wall(self, wall_ms: int) -> int:
        """A time by the wall on the monotonic clock."""
        return self.start_ns + (wall_ms - self.start_ms) * 1_000_000


class Outcome(NamedTuple):
    """What a run gave."""

    size: Size
    trials: list[Trial]
    clock: Clock
    load: Load
    probes_us: Ints
    taken_back: list[TakenBack]
    deciding: Mapping[Mark, Deciding]


def run(size: Size, seed: int, say: Say) -> Outcome:
    """Start a broker and run on it."""
    say("starting Apache Kafka")
    with LocalBroker(heap_mib=_HEAP_MIB, start_limit_s=_START_LIMIT_S) as broker:
        return run_on(broker.address, size, seed, say)


def run_on(address: str, size: Size, seed: int, say: Say) -> Outcome:
    """Run on an empty broker."""
    trials = plan_trials(size, seed)
    with (
        tempfile.TemporaryDirectory(prefix="homeostat-bench-") as name,
        Installation(address, Path(name), size.partitions) as installation,
    ):
        say("starting the workers and the gateway")
        installation.start()
        now_ms = time.time_ns() // 1_000_000
        policy = latency_policy(size, installation.keys.dead_letters)
        say(f"setting up {size.tenants} targets")
        installation.set_up(read_setup(size, trials, policy, installation.keys.master_id, now_ms), size.tenants)
        return _measure(installation, size, seed, trials, say)


def _measure(installation: Installation, size: Size, seed: int, trials: list[Trial], say: Say) -> Outcome:
    address, watch = installation.address, Watch(installation.address, size.partitions)
    documents = sign_rollouts(trials, installation.operator, time.time_ns() // 1_000_000)
    sends = LoadJob(address, size, seed, installation.keys.master_id, installation.master, documents)
    probes = ProbeJob(address, size.partitions, size.probes_per_s, round(size.duration_s * size.probes_per_s))
    with Beside(prepare_load, sends) as load, Beside(prepare_probe, probes) as probe:
        load.wait_ready()
        probe.wait_ready()
        watch.wait_for_sources(_START_LIMIT_S)
        say(f"sending {size.traces:,} traces in {size.duration_s:.0f} s, {size.decisions} rollouts among them")
        clock = Clock.begin_soon()
        load.begin(clock.start_ns)
        probe.begin(clock.start_ns)
        watch.read_until(clock.start_ns + round(size.duration_s * 1e9), _LATE_S, _ACKS * size.decisions)
        installation.children.check()
        sent, probed = load.result(), probe.result()
    watch.close()
    homes = {trial.rollout: partition_of(trial.tenant.encode(), size.partitions) for trial in trials}
    taken_back = list(watch.taken_back(homes))
    say(f"{len(taken_back)} of {size.decisions} rollouts were taken back")
    deciding = read_deciding(address, [each.mark for each in taken_back])
    return Outcome(size, trials, clock, sent, probed, taken_back, deciding)
