"""Logs of one partition for the leaf's tests, and the harness that runs stages over them."""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.pools import name_meanings
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import Baseline, BaselineDocument
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.policy import Budget, Policy, Refusals
from homeostat.schemas.pool import PoolEdition, PooledSignal, name_pool
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import START_MS, document, policy, rollout
from tests.builders.keys import MASTERS, trust
from tests.builders.scenario import Scenario

LEAST_SESSIONS = 30
EAGER = Budget(alarm_threshold=20.0, false_alarms_per_week=1e6, expected_monitors=1, baseline_delta=0.2)
"""A budget so generous that monitors alarm soon."""


def new_stage(partition: int = 0, partition_count: int = 1) -> LeafStage:
    return LeafStage(partition, partition_count, trust(), MASTERS)


def run(log: Sequence[LogRecord], stage: LeafStage | None = None) -> tuple[LeafStage, list[Output]]:
    """A stage after a whole log, and its outputs."""
    stage = stage or new_stage()
    return stage, stage.apply(log)


def run_split(log: Sequence[LogRecord], cuts: Iterable[int]) -> tuple[LeafStage, list[Output], dict[bytes, bytes]]:
    """The same in batches that end at `cuts`, and what a compacted state topic holds after a checkpoint at each."""
    stage, outputs, topic = new_stage(), [], dict[bytes, bytes]()
    for begin, end in pairwise([0, *sorted(cuts), len(log)]):
        outputs += stage.apply(log[begin:end])
        for key, value in stage.drain_changes():
            if value is None:
                topic.pop(key, None)
            else:
                topic[key] = value
    return stage, outputs, topic


def quick_policy(**fields: Any) -> Policy:
    """The test policy with an eager budget and a small window of refusals."""
    return policy(**{"budget": EAGER, "refusals": Refusals(window_records=100), **fields})


@lru_cache
def warm_log() -> tuple[LogRecord, ...]:
    """Two tenants' baseline arms with sealed references, a rollout in the first, and time for all to close."""
    scenario = Scenario()
    scenario.begin(quick_policy(), [document(rollout())])
    for number in range(LEAST_SESSIONS + 2):
        scenario.wait(0.05)
        for tenant in ("tenant-1", "tenant-2"):
            signals = {"edit_ratio": 0.1 + number % 5 / 20, "latency": 5.0 + number % 3, "structure_score": 0.9}
            scenario.add(traces.trace(traces.work((tenant, number), signals, tenant=tenant)))
            scenario.add(traces.trace(traces.feedback((tenant, number), {"acceptance": number % 2}, tenant=tenant)))
    scenario.tick(3.0)
    return tuple(scenario.log)


def warm_scenario() -> Scenario:
    """A scenario that goes on from `warm_log`."""
    scenario = Scenario()
    scenario.log = list(warm_log())
    scenario.now_ms = scenario.log[-1].timestamp
    return scenario


def messages(outputs: Iterable[Output], topic: str, field: str = "") -> list[dict[str, Any]]:
    """The JSON of a topic's outputs; with `field` those that have it."""
    found = [json.loads(output.value or b"{}") for output in outputs if output.topic == topic]
    return [message for message in found if not field or field in message]


def arm_trace(number: object, arm: Arm, signals: dict[str, float], **fields: Any) -> traces.Draft:
    """A work trace of an arm of the standard rollout in tenant-1."""
    return traces.trace(traces.work(number, signals, arm=arm, **fields))


def pooled_document(
    policy: Policy, means: Sequence[float], editions: dict[int, int] | None = None, version: int = 1
) -> BaselineDocument:
    """A scribe's baseline of edit_ratio across tenants with these means."""
    plan, cohort = Plan(policy), Cohort(layer=Layer.WORKFLOW, workflow="scribe")
    meaning = name_meanings(plan, 0)[plan.column["edit_ratio"]]
    fixed = [round(mean * 2**20) for mean in means]
    pooled = PooledSignal(tenants=len(fixed), total=sum(fixed), squares=sum(m * m for m in fixed), meaning=meaning)
    places = tuple(PoolEdition(source_partition=source, edition=at) for source, at in (editions or {}).items())
    body = Baseline(cohort=cohort, sealed_at_ms=START_MS, signals={}, pooled={"edit_ratio": pooled}, editions=places)
    return BaselineDocument(subject=name_pool(cohort, 0), subject_version=version, at_ms=START_MS, body=body)
