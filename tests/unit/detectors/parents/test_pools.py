"""Pools of references: added over sources, said when they are worth it, over three tenants or more."""

from collections.abc import Iterable, Sequence

import pytest

from homeostat.detectors.parents.pools import MAX_POOLS, Pools
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.pool import PooledBaseline, PooledSignal, ReferencePool
from homeostat.schemas.topics import BASELINES, DEAD_LETTERS, SUMMARIES
from tests.builders.documents import START_MS
from tests.builders.replays import check_replay
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft
from tests.unit.detectors.parents.summaries import TENANT, new_stage

ONE = 2**20
SCRIBE = Cohort(layer=Layer.WORKFLOW, workflow="scribe")
MEANING = derive_id("meaning")


def pooled(means: Sequence[float], meaning: str = MEANING) -> PooledSignal:
    fixed = [round(mean * ONE) for mean in means]
    return PooledSignal(tenants=len(fixed), total=sum(fixed), squares=sum(m * m for m in fixed), meaning=meaning)


def pool(source: int, edition: int, cohort: Cohort = SCRIBE, part: int = 0, **signals: PooledSignal) -> ReferencePool:
    return ReferencePool(
        cohort=cohort,
        part=part,
        edition=edition,
        source_partition=source,
        mark=edition,
        log_time_ms=START_MS + edition,
        signals=signals,
    )


def log_of(pools: Iterable[ReferencePool]) -> list[LogRecord]:
    scenario = Scenario(SUMMARIES)
    scenario.begin()
    for each in pools:
        headers = output_headers(each.ce_type, "leaf", each.source_partition, each.mark, 0)
        scenario.add(Draft(each.cohort.key.encode(), to_json(each), headers))
    return scenario.log


def said(outputs: Iterable[Output]) -> list[PooledBaseline]:
    return [PooledBaseline.model_validate_json(o.value or b"") for o in outputs if o.topic == BASELINES]


def test_sources_are_added_when_three_tenants_are_together() -> None:
    stage = new_stage()
    outputs = stage.apply(log_of([pool(0, 1, edit_ratio=pooled([0.1, 0.2])), pool(2, 4, edit_ratio=pooled([0.6]))]))
    (found,) = said(outputs)
    assert found.signals == {"edit_ratio": pooled([0.1, 0.2, 0.6])}
    assert [(each.source_partition, each.edition) for each in found.editions] == [(0, 1), (2, 4)]
    assert [(output.key, output.signer) for output in outputs] == [(b"pool/workflow/-/-/scribe/-/0", None)]


def test_the_newest_edition_of_a_source_stands_for_it() -> None:
    stage = new_stage()
    pools = [
        pool(0, 2, edit_ratio=pooled([0.1, 0.2, 0.3])),
        pool(0, 1, edit_ratio=pooled([0.9, 0.9, 0.9])),
        pool(0, 3, edit_ratio=pooled([0.1, 0.2, 0.6])),
    ]
    found = said(stage.apply(log_of(pools)))
    assert [each.signals["edit_ratio"] for each in found] == [pooled([0.1, 0.2, 0.3]), pooled([0.1, 0.2, 0.6])]
    assert found[1].pool_version > found[0].pool_version
    assert (stage.counts["pool_added"], stage.counts["pool_repeat"]) == (2, 1)


def test_only_what_is_worth_it_is_said() -> None:
    twenty = [0.2, 0.3] * 10
    pools = [
        pool(0, 1, edit_ratio=pooled(twenty)),
        pool(0, 2, edit_ratio=pooled([*twenty, 0.25])),
        pool(0, 3, edit_ratio=pooled([mean + 0.004 for mean in twenty])),
        pool(0, 4, edit_ratio=pooled([*twenty, 0.25, 0.25])),
        pool(0, 5, edit_ratio=pooled([mean + 0.006 for mean in (*twenty, 0.25, 0.25)])),
        pool(0, 6, edit_ratio=pooled(twenty), omission=pooled([0.1, 0.1])),
        pool(0, 7, edit_ratio=pooled(twenty), omission=pooled([0.1, 0.1, 0.1])),
        pool(0, 8, unheard_of=pooled(twenty)),
    ]
    found = said(new_stage().apply(log_of(pools)))
    assert [each.editions[0].edition for each in found] == [1, 4, 5, 6, 7, 8]
    assert found[-1].signals == {}


def test_parts_of_the_week_and_meanings_are_kept_apart() -> None:
    other = derive_id("another meaning")
    pools = [
        pool(0, 1, edit_ratio=pooled([0.1, 0.2, 0.3])),
        pool(0, 1, part=1, edit_ratio=pooled([0.5, 0.6, 0.7])),
        pool(1, 2, edit_ratio=pooled([0.8, 0.9], other)),
    ]
    found = said(new_stage().apply(log_of(pools)))
    assert [(each.part, list(each.signals)) for each in found] == [(0, ["edit_ratio"]), (1, ["edit_ratio"]), (0, [])]


def test_a_pool_of_another_layer_is_refused() -> None:
    outputs = new_stage().apply(log_of([pool(0, 1, cohort=TENANT, edit_ratio=pooled([0.1] * 5))]))
    assert [output.topic for output in outputs] == [DEAD_LETTERS]


def test_pools_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_POOLS >= 1000
    monkeypatch.setattr("homeostat.detectors.parents.pools.MAX_POOLS", 1)
    pools = Pools()
    assert [pools.add(pool(source, 1)) for source in (0, 1)] == ["added", "limit"]
    with pytest.raises(PoisonRecord):
        pools.add(pool(0, 1, cohort=TENANT))


def test_batches_restarts_and_repeats_do_not_show() -> None:
    pools = [pool(n % 3, 1 + n // 3, part=n % 2, edit_ratio=pooled([0.01 * n, 0.1, 0.2])) for n in range(12)]
    log = log_of([*pools, *pools[::2]])
    assert said(check_replay(new_stage, log, (7, 9, 13)))
