"""One harmful canary of the demo in a folder: its traces and the documents that belong to them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from homeostat.schemas.defaults import default_policy, demo_times
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.streams.simulator.plan import CANARIES, rollout_entries, setup_entries
from tests.builders.demo_traces import draw_traces

PARTITIONS = 2
LED = next(canary for canary in CANARIES if canary.name == "led")
_TEXT = ("kind", "trace_id", "tenant", "specialty", "workflow", "runtime", "release", "arm", "rollout", "session")
_MORE = ("actor", "consent", "work_id", "feedback")
PARQUET = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in (*_TEXT, *_MORE)),
        pa.field("work_time_ms", pa.int64()),
        pa.field("signals", pa.map_(pa.string(), pa.float64())),
    ]
)
"""The fields of a trace that the demo fills; a file may leave the others out."""


def write_canary(folder: Path) -> Path:
    """Write `traces.jsonl`, `traces.parquet` and `documents/all.yaml`; gives the folder."""
    traces = [
        trace.model_dump(mode="json", exclude_defaults=True) | {"kind": trace.kind}
        for trace in draw_traces(1, 4, 12, (LED,))
    ]
    (folder / "traces.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces))
    pq.write_table(pa.Table.from_pylist(traces, PARQUET), folder / "traces.parquet")
    policy = default_policy(demo_times(), PARTITIONS, signals=core_scribe_signals())
    rollouts = [entry for entry in rollout_entries() if entry["kind"] != "rollout" or entry["name"] == "led"]
    entries = [*setup_entries(policy, ["m1"]), *(entry for entry in rollouts if entry["kind"] == "rollout")]
    (folder / "documents").mkdir()
    (folder / "documents" / "all.yaml").write_text(yaml.safe_dump_all(entries))
    return folder
