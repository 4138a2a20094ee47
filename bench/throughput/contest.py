"""Rounds of turns: every system reads the same input, one after the other, again and again."""

import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.throughput.alarms import read_book
from bench.throughput.ground import Ground, choose_cores, run_broker
from bench.throughput.job import Job
from bench.throughput.log import LogWriter, Written
from bench.throughput.sizes import Size
from homeostat.schemas.topics import ALARMS, SUMMARIES, TRACES
from homeostat.streams.key_folder import write_key_set
from homeostat.streams.key_set import FIRST_MASTER, KeySet

Say = Callable[[str], None]
Results = dict[str, list[dict[str, Any]]]
_TURN_LIMIT_S = 600.0
_AGE_S = 3_600
"""The input begins this long ago: no record lies in the broker's future, none is old enough to be dropped."""


class TurnFailed(Exception):
    """A system that did not process every trace, or did not find the shift."""


class Outcome(NamedTuple):
    """All turns of a run."""

    size: Size
    written: Written
    results: Results
    is_pinned: bool


def hold_contest(size: Size, systems: Sequence[str], seed: int, say: Say) -> Outcome:
    """Start a broker on one core and let the systems take turns on the other. Raises `TurnFailed`."""
    core_of_broker, core = choose_cores()
    say("starting Apache Kafka")
    with run_broker(core_of_broker) as broker:
        return hold_contest_on(broker.address, core, size, systems, seed, say)


def hold_contest_on(address: str, core: int, size: Size, systems: Sequence[str], seed: int, say: Say) -> Outcome:
    """Write the input once to an empty broker, then let the systems take turns on `core` (−1: any)."""
    with tempfile.TemporaryDirectory(prefix="homeostat-bench-") as name:
        keys = KeySet.from_seed(secrets.token_bytes(32))
        write_key_set(keys, Path(name) / "keys")
        ground = Ground(address, size.partitions)
        ground.create_topics()
        writer = LogWriter(address, size, keys, (int(time.time()) - _AGE_S) * 1000)
        say(f"writing {size.traces} traces")
        written = writer.write_traces(seed)
        ground.settle_input()
        job = Job(
            system="",
            address=address,
            traces=size.traces,
            tenants=size.tenants,
            shift_from=size.shift_from,
            pace=size.pace,
            start_ms=written.start_ms,
            round=0,
            core=core,
            folder=name,
            master=keys.masters[FIRST_MASTER].hex(),
            ends=ground.ends(TRACES),
        )
        results = _take_turns(size, systems, job, ground, writer, say)
    return Outcome(size, written, results, core >= 0)


def _take_turns(size: Size, systems: Sequence[str], job: Job, ground: Ground, writer: LogWriter, say: Say) -> Results:
    results: Results = {system: [] for system in systems}
    for number in range(size.rounds):
        for system in systems:
            if system in _SLOW and number >= size.slow_rounds:
                continue
            if system == "ours":
                ground.clear_outputs()
                writer.write_summaries_snapshot()
            turn = replace(job, system=system, round=number)
            result = check_turn(turn, take_turn(turn) if system != "ours" else _take_our_turn(turn, ground))
            results[system].append(result)
            say(f"round {number + 1} of {size.rounds}: {system} {result['cpu_us_per_trace']:.1f} µs a trace")
    return results


def take_turn(job: Job) -> dict[str, Any]:
    """Run one system in a process of its own. Raises `TurnFailed`."""
    command = [sys.executable, "-m", "bench.throughput.turn", job.to_json()]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_TURN_LIMIT_S, cwd=Path(__file__).parents[2]
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise TurnFailed(f"{job.system} ended with status {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    result: dict[str, Any] = json.loads(lines[-1])
    result["process_cpu_s"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result


def check_turn(job: Job, result: dict[str, Any]) -> dict[str, Any]:
    """The result with its figures. Raises `TurnFailed` for a trace not processed, or a shift not found."""
    if result["traces"] != job.traces:
        raise TurnFailed(f"{job.system} processed {result['traces']} of {job.traces} traces")
    if not result.get("found", job.system == "ceiling"):
        raise TurnFailed(f"{job.system} did not report the shift: {result}")
    cpu_s = result["user_s"] + result["system_s"]
    result["cpu_us_per_trace"] = 1e6 * cpu_s / job.traces
    result["traces_per_s_core"] = job.traces / cpu_s
    result["traces_per_s_clock"] = job.traces / result["wall_s"]
    return result


def _take_our_turn(job: Job, ground: Ground) -> dict[str, Any]:
    """Our turn, with what its alarms say. Raises `TurnFailed` if a summary was not added up by the parents."""
    result = take_turn(job)
    if result["parents_next"] != ground.ends(SUMMARIES):
        raise TurnFailed(f"parents stand at {result['parents_next']} of {ground.ends(SUMMARIES)}")
    return result | read_book(job, ground.ends(ALARMS)).judge(job.tenants, job.shift_from)


_SLOW = frozenset({"stock_faust", "plain_peer"})
