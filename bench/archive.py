"""How fast backtests of an archive are: `python -m bench.archive [--traces N] [--profile]`.

The traces of `bench.leaf` at 5,000 a second of log time, with a tick each second, in the files of one partition that
the archiver would write: 12 signals, 2,000 cohorts, every trace authenticated. CPU seconds of one process.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import yaml

from bench.leaf import RATE_PER_S, bench_policy, traces
from homeostat.detectors.warm_up import compile_kernel
from homeostat.schemas.topics import TRACES
from homeostat.streams.archive.columns import FileHead
from homeostat.streams.archive.reader import ArchiveReader
from homeostat.streams.archive.shelf import Shelf
from homeostat.streams.archive.store import ArchiveStore
from homeostat.streams.backtest.log_source import ArchiveSource
from homeostat.streams.backtest.run import run_log, run_stage
from homeostat.streams.report.page import render
from homeostat.streams.report.run import report_log
from tests.builders.keys import MASTERS, trust
from tests.builders.scenario import Scenario

FILE_BYTES = 64 << 20
PRESENT_MS = 4_000_000_000_000


def write_archive(store: ArchiveStore, count: int) -> None:
    """Archive a log of `count` traces as the role record does, and say what it took."""
    scenario, random, spent = Scenario(), Random(1), 0.0
    scenario.begin(bench_policy())  # type: ignore[arg-type] # kept out of the annotations: bench only
    shelf, taken = Shelf(store, FileHead(TRACES, 1, ""), 0, 0, None), 0
    for _ in range(count // RATE_PER_S):
        scenario.log += traces(RATE_PER_S, len(scenario.log), scenario.now_ms, random)
        scenario.tick(1.0)
        began = time.process_time()
        shelf.add(scenario.log[taken:], PRESENT_MS)
        if shelf.bytes >= FILE_BYTES:
            shelf.flush()
        spent += time.process_time() - began
        taken = len(scenario.log)
    shelf.flush()
    print(f"written: {spent / count * 1e6:.2f} us a trace")


def measure(name: str, count: int, profile: bool, run: Callable[[], Any]) -> None:
    """Run once and print µs of CPU a trace, and traces a second."""
    profiler = cProfile.Profile()
    began = time.process_time()
    if profile:
        profiler.enable()
    run()
    profiler.disable()
    spent = time.process_time() - began
    print(f"{name}: {spent / count * 1e6:.2f} us a trace, {count / spent:,.0f} traces/s")
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def main() -> None:
    """Write an archive, read it, run the leaves over it, then everything: plainly, under a policy, for a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=300_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    count = given.traces // RATE_PER_S * RATE_PER_S
    compile_kernel()
    with tempfile.TemporaryDirectory() as folder:
        store = ArchiveStore(folder)
        write_archive(store, count)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        print(f"{len(ArchiveReader(store, TRACES).files)} files, {size / count:.0f} bytes a trace")

        def source() -> ArchiveSource:
            return ArchiveSource(folder, ArchiveReader(store, TRACES))

        def read() -> int:
            return sum(len(part.block) for _, parts in source().partitions() for part in parts)

        measure("reading", count, given.profile, read)
        measure("leaves", count, given.profile, lambda: run_stage(source(), trust(), MASTERS, None))
        measure("everything", count, given.profile, lambda: run_log(source(), trust(), MASTERS, None))
        policy = Path(folder) / "policy.yaml"
        body = bench_policy().model_dump(mode="json")  # type: ignore[attr-defined] # kept out of the annotations
        policy.write_text(yaml.safe_dump({"kind": "policy", "body": body}))
        measure("another policy", count, given.profile, lambda: run_log(source(), trust(), MASTERS, None, policy))
        measure("report", count, given.profile, lambda: render(report_log(source(), trust(), MASTERS, "bench")))


if __name__ == "__main__":
    main()
