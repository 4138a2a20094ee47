"""One system's turn, in a process of its own: `python -m bench.throughput.turn JOB` prints one line of JSON."""

import importlib
import json
import os
import sys

from bench.throughput.job import Job

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
    result = importlib.import_module(SYSTEMS[job.system]).run(job)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
