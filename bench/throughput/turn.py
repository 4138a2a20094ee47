"""One system's turn, in a process of its own: `python -m bench.throughput.turn JOB` prints one line of JSON."""

import importlib
import json
import os
import sys

from bench.throughput.job import Job
from homeostat.streams.garbage import settle_garbage

_SETTLED = frozenset({"tuned_peer", "ceiling"})
"""Who is tuned without mercy has the cycle collector out of the way too, as our worker has it."""
SYSTEMS = {
    "ours": "bench.throughput.ours",
    "stock_faust": "bench.throughput.peers.stock_faust",
    "plain_peer": "bench.throughput.peers.plain",
    "tuned_peer": "bench.throughput.peers.tuned",
    "ceiling": "bench.throughput.peers.ceiling",
}


def main() -> None:
    job = Job.from_json(sys.argv[1])
    if job.core >= 0:
        os.sched_setaffinity(0, {job.core})
    system = importlib.import_module(SYSTEMS[job.system])
    if job.system in _SETTLED:
        settle_garbage()
    result = system.run(job)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
