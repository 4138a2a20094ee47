"""Two rollouts in one place take turns: in one partition at once, across partitions as soon as they hear of it."""

from typing import Any

import pytest

from homeostat.schemas.canonical import derive_id
from homeostat.schemas.decision import Verdict
from homeostat.schemas.evidence import Echo
from homeostat.schemas.rollout import Rollout, RolloutPhase
from tests.builders import documents
from tests.builders.evidence import echo, from_leaf
from tests.builders.guard_log import GuardLog

OTHERS = sorted(derive_id("rollout", "other", number) for number in range(20))


def rollout(rollout_id: str = documents.ROLLOUT_ID, **fields: Any) -> Rollout:
    return documents.rollout(rollout=rollout_id, **fields)


def echo_of(log: GuardLog, rollout_id: str) -> None:
    log.mark += 1
    said: Echo = echo(log.mark, log.scenario.now_ms, rollout=rollout_id)
    log.add(from_leaf(said))


def test_of_two_in_one_partition_the_second_waits_before_control_has_said_anything() -> None:
    log = GuardLog()
    log.control(documents.document(rollout(OTHERS[0])))
    for each in (documents.ROLLOUT_ID, OTHERS[0]):
        echo_of(log, each)
    assert [decision.rollout for decision in log.decisions] == [documents.ROLLOUT_ID]
    assert log.stage.rollouts[OTHERS[0]].phase is RolloutPhase.PENDING
    expected = f"waits for rollout {documents.ROLLOUT_ID}, which is exposing in tenant-1/cardiology/scribe"
    assert log.stage.rollouts[OTHERS[0]].reason == expected


@pytest.mark.parametrize("lower", [True, False])
def test_of_two_that_began_in_two_partitions_the_one_with_the_higher_id_gives_way(lower: bool) -> None:
    rival = rollout(OTHERS[0] if lower else OTHERS[-1])
    assert (rival.rollout < documents.ROLLOUT_ID) is lower
    log = GuardLog(others=[rival])
    log.begin()
    log.control(documents.decision(rival, 1, RolloutPhase.EXPOSING))
    log.tick()
    phase = RolloutPhase.ABORTED if lower else RolloutPhase.EXPOSING
    assert log.stage.rollouts[documents.ROLLOUT_ID].phase is phase
    if lower:
        assert log.decisions[-1].verdict is Verdict.STOPPED
        expected = f"gives way to rollout {rival.rollout}, which is exposing in tenant-1/cardiology/scribe"
        assert log.decisions[-1].reason == expected
        assert log.intents[-1].action == "end_exposure"


def test_a_rollout_elsewhere_or_over_is_no_rival() -> None:
    elsewhere, over = rollout(OTHERS[0], specialties=("oncology",)), rollout(OTHERS[1])
    log = GuardLog(others=[elsewhere, over])
    log.control(documents.decision(elsewhere, 1, RolloutPhase.EXPOSING))
    log.control(documents.decision(over, 2, RolloutPhase.PROMOTED, Verdict.HEALTHY))
    log.begin()
    log.tick()
    assert [decision.verdict for decision in log.decisions] == [Verdict.BEGIN]
