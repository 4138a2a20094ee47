"""A harmful canary of the demo with every record kept, its keys in a folder, and its decisions."""

from pathlib import Path

import pytest

from homeostat.schemas.decision import Decision
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.topics import DECISIONS
from homeostat.streams.backtest.feed_traces import TraceFeeder
from homeostat.streams.backtest.platform import Documents, Platform, build_platform
from homeostat.streams.backtest.trace_rows import read_traces
from homeostat.streams.key_folder import write_key_set
from tests.builders.canary_folder import PARTITIONS, write_canary
from tests.builders.demo_traces import START_MS
from tests.builders.store_topics import StoreTopics

OVERRIDES = """
kind: override
body: {scope: {}, thresholds: {unsupported_ratio: {at_most: 0.05}}, phrasing: {disclaimer: {text: Please check}}}
---
kind: override
body: {scope: {specialty: cardiology}, thresholds: {unsupported_ratio: {at_most: 0.01}}}
"""


@pytest.fixture(scope="session")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = write_canary(tmp_path_factory.mktemp("canary"))
    (folder / "documents" / "overrides.yaml").write_text(OVERRIDES)
    documents = Documents(folder / "documents", START_MS)
    platform = build_platform(PARTITIONS, documents.gateways(), retained=None)
    TraceFeeder(platform, documents, documents.policy.times.tick_s).feed(read_traces(folder / "traces.jsonl"))
    return platform


@pytest.fixture(scope="session")
def topics(canary: Platform) -> StoreTopics:
    return StoreTopics(canary.topology.logs)


@pytest.fixture(scope="session")
def trust_folder(canary: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "keys"
    write_key_set(canary.keys, folder)
    return folder / "trust"


@pytest.fixture(scope="session")
def decisions(topics: StoreTopics) -> list[Decision]:
    envelopes = [record.value for _, record in topics.read(DECISIONS)]
    return [Decision.model_validate_json(read_envelope(value)[1]) for value in envelopes]
