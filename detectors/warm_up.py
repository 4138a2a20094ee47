"""Compiles the hot loops before they are needed: half a minute of a core on a new machine, later a moment."""

import numpy as np

from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.close import take_logs
from homeostat.detectors.leaf.doors import Doors
from homeostat.detectors.leaf.engine import Engine
from homeostat.detectors.leaf.find_route import find_route
from homeostat.detectors.leaf.outbox import Outbox
from homeostat.detectors.leaf.plain import PlainTraces
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.scan import scan_rows
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.sessions import number_rows
from homeostat.detectors.leaf.settling import settle_slots
from homeostat.detectors.leaf.tables import SEEDS, index_seen, index_sessions
from homeostat.detectors.leaf.window import slide_window
from homeostat.detectors.leaf.world import World
from homeostat.detectors.parents.monitors import Monitors
from homeostat.detectors.record_block import RecordBlock
from homeostat.detectors.statistics.baseline_bound import lower_bound, upper_bound
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.log import LogRecord
from homeostat.schemas.mac import start_trace_mac
from homeostat.schemas.summary import HISTOGRAM_BINS, SignalSummary


def compile_kernel() -> None:
    """Run the kernel over nothing. A worker calls it before it joins its group: compiling would stop heartbeats."""
    plan = Plan(default_policy())
    world, batch = World(plan, SEEDS), Batch(len(plan.specs))
    router = Router(plan, world.cohorts, world.pairs, ())
    scan = ScanTables(plan).arrays_for(("tenant",))
    scan_rows(batch.rows, batch.values, batch.text, plan.max_ahead_ms, scan, router.arrays)
    find_route(np.frombuffer(b" ", np.uint8), scan.spans, 0, router.arrays)
    doors = Doors((b"master",))
    doors.add(b"tenant", 0, {b"master": start_trace_mac(b"key")})
    block = RecordBlock.of([LogRecord(0, 0, b"", b"", [("", b"")])])
    PlainTraces().take(block, 0, doors, batch, 0, 0, 0)
    list(block)
    Engine(0, 1, Outbox(0)).run(world, batch, {})
    world.cohorts.derive_bets(0)
    settle_slots(world, np.zeros(0, np.int64), 0, 0, 0)
    take_logs(0, world.layers.arrays)
    index_sessions(0, SEEDS, world.sessions.arrays)
    index_seen(SEEDS, world.dedupe.arrays)
    number_rows(np.zeros(1, np.int32))
    slide_window(0, 0, plan.arrays, world.window.arrays, world.cursor)
    values = np.full(30, 0.5)
    upper_bound(values, 0.01)
    lower_bound(values, 0.01)
    sums = SignalSummary(
        sessions=1, total=0, square_high=0, square_low=0, bet_sessions=0, expected=0,
        histogram=(0,) * HISTOGRAM_BINS, log_e_up=(0,), log_e_down=(),
    )  # fmt: skip
    list(Monitors().step({"any": sums}, 0, 1.0, 0.0))


if __name__ == "__main__":
    compile_kernel()
