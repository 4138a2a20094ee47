"""One canary of the demo: its traces and documents in a folder, and its run with every record kept."""

from pathlib import Path

import pytest

from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.platform import Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from tests.builders.canary_folder import PARTITIONS, write_canary
from tests.builders.demo_traces import START_MS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traces of one harmful canary, and the demo's documents."""
    return write_canary(tmp_path_factory.mktemp("backtest"))


@pytest.fixture(scope="module")
def kept(folder: Path) -> Platform:
    """The same run with every record kept."""
    documents = Documents(folder / "documents", START_MS)
    platform = build_platform(PARTITIONS, documents.gateways(), retained=None)
    TraceFeeder(platform, documents, documents.policy.times.tick_s).feed(read_traces(folder / "traces.jsonl"))
    return platform
