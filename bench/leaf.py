"""CPU µs a trace of the leaf core's `apply`, and what its checkpoints cost: `python -m bench.leaf [--traces N]`.

12 signals, 2,000 cohorts (200 tenants × 10 specialties), every trace a session of its own with a real MAC, all
references sealed: so each trace is authenticated, decoded, deduplicated, and steps 24 monitors of 8 bets for its cohort
and log-e for three parents.
"""

import argparse
import json
import time
from collections.abc import Iterator
from itertools import islice
from random import Random

from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.record_block import RecordBlock
from homeostat.schemas.base import VERSION
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.headers import event_headers
from homeostat.schemas.log import LogRecord
from homeostat.schemas.mac import MAC_HEADER, authenticate_trace, encode_mac, start_trace_mac
from homeostat.schemas.policy import BaselineRule, Budget, Times
from homeostat.schemas.trace import WorkTrace
from tests.builders.documents import BASELINE_DIGEST, policy, signal
from tests.builders.keys import MASTER, MASTERS, tenant_key, trust
from tests.builders.scenario import Scenario

TENANTS, SPECIALTIES, SIGNALS = 200, 10, 12
FIRST_SESSIONS = 60
RATE_PER_S = 5000
BATCH = 500


def bench_policy() -> object:
    """Twelve bounded signals and production's times."""
    return policy(
        signals=tuple(signal(f"signal_{i}") for i in range(SIGNALS)),
        times=Times(),
        baseline=BaselineRule(first_sessions=FIRST_SESSIONS),
        budget=Budget(alarm_threshold=1e12),
    )


def traces(count: int, first_offset: int, start_ms: int, random: Random) -> Iterator[LogRecord]:
    """`count` traces spread evenly over the cohorts, `RATE_PER_S` of them a second of log time.

    Made one by one as they are asked for, and packed as a worker's fetch packs them.
    """
    keyed = {f"tenant-{t:03d}": start_trace_mac(tenant_key(f"tenant-{t:03d}")) for t in range(TENANTS)}
    actor = derive_id("actor")
    for i in range(count):
        tenant = f"tenant-{i % TENANTS:03d}"
        trace_id = f"{random.getrandbits(128):032x}"
        body = {
            "version": VERSION,
            "trace_id": trace_id,
            "tenant": tenant,
            "specialty": f"specialty-{i // TENANTS % SPECIALTIES}",
            "workflow": "scribe",
            "runtime": "scribe-runtime",
            "release": BASELINE_DIGEST,
            "arm": "baseline",
            "rollout": None,
            "session": f"{random.getrandbits(128):032x}",
            "actor": actor,
            "consent": "shared",
            "work_id": trace_id,
            "work_time_ms": start_ms,
            "signals": {f"signal_{k}": round(random.betavariate(2, 8), 4) for k in range(SIGNALS)},
            "categories": {},
            "kind": "work",
        }
        value = json.dumps(body, separators=(",", ":")).encode()
        mac = encode_mac(MASTER, authenticate_trace(keyed[tenant], trace_id.encode(), value))
        headers = [*event_headers(WorkTrace.ce_type, trace_id, f"/runtimes/{tenant}"), (MAC_HEADER, mac)]
        now_ms = start_ms + i * 1000 // RATE_PER_S
        yield LogRecord(first_offset + i, now_ms, tenant.encode(), value, headers)


def main() -> None:
    """Warm up until every reference is sealed, then time batches of 500 and a checkpoint a second of log time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000)
    count = parser.parse_args().traces
    scenario, random = Scenario(), Random(1)
    scenario.begin(bench_policy())  # type: ignore[arg-type] # kept out of the annotations: bench only
    stage = LeafStage(0, 1, trust(), MASTERS)
    began = time.process_time()
    stage.apply(scenario.log)
    print(f"first records (load or compile the kernel): {time.process_time() - began:.2f} s CPU")
    warm = TENANTS * SPECIALTIES * (FIRST_SESSIONS + 1) + 21 * RATE_PER_S
    made = traces(warm, len(scenario.log), scenario.now_ms, random)
    spent, last_ms = 0.0, scenario.now_ms
    while batch := RecordBlock.of(islice(made, BATCH)):
        began = time.process_time()
        stage.apply(batch)
        spent += time.process_time() - began
        last_ms = batch[-1].timestamp
    print(f"warm-up with sealing: {spent / warm * 1e6:.2f} us a trace")
    stage.drain_changes()
    made = traces(count, stage.next_offset, last_ms + 1, random)
    spent = checkpoint_s = 0.0
    checkpoints = records = size = done = 0
    while batch := RecordBlock.of(islice(made, BATCH)):
        began = time.process_time()
        stage.apply(batch)
        spent += time.process_time() - began
        done += len(batch)
        if done % RATE_PER_S == 0:
            began = time.process_time()
            changes = stage.drain_changes()
            checkpoint_s += time.process_time() - began
            checkpoints, records = checkpoints + 1, records + len(changes)
            size += sum(len(value or b"") for _, value in changes)
    print(f"apply: {spent / count * 1e6:.2f} us a trace ({count} traces, batches of {BATCH})")
    print(
        f"checkpoint: {checkpoint_s / checkpoints * 1e3:.1f} ms, {records / checkpoints:.0f} records, "
        f"{size / checkpoints / 1e6:.2f} MB each, {checkpoint_s / count * 1e6:.2f} us a trace"
    )
    print(dict(stage.counts))


if __name__ == "__main__":
    main()
