"""One canary of the demo: its traces and documents in a folder, and its run with every record kept."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from homeostat.schemas.defaults import default_policy, demo_times
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.platform import Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.simulator.plan import CANARIES, rollout_entries, setup_entries
from tests.builders.demo_traces import START_MS, draw_traces

PARTITIONS = 2
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
LED = next(canary for canary in CANARIES if canary.name == "led")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces of one harmful canary, and the demo's documents."""
    folder = tmp_path_factory.mktemp("backtest")
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


@pytest.fixture(scope="module")
def kept(folder: Path) -> Platform:
    """The same run with every record kept."""
    documents = Documents(folder / "documents", START_MS)
    platform = build_platform(PARTITIONS, documents.gateways(), retained=None)
    TraceFeeder(platform, documents, documents.policy.times.tick_s).feed(read_traces(folder / "traces.jsonl"))
    return platform
