"""The guard under records that must not move it: forged, misplaced, unreadable."""

import pytest

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.control import Tick
from homeostat.schemas.partition import partition_of
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DEAD_LETTERS, EVIDENCE
from tests.builders import documents
from tests.builders.documents import ROLLOUT_ID
from tests.builders.evidence import TOLERANCES, echo, from_leaf
from tests.builders.guard_log import GuardLog
from tests.builders.keys import trust
from tests.builders.scenario import Scenario, control
from tests.builders.traces import Draft

FINE = {name: [0.0] * 400 for name in TOLERANCES}
"""Enough equal pairs for every guardrail, the binary one with the narrow tolerance too."""


@pytest.mark.parametrize(
    "draft",
    [
        Draft(b"x", b"not json", [("ce_type", b"homeostat.evidence")]),
        Draft(b"x", b"{}", [("ce_type", b"homeostat.unheard_of")]),
        Draft(b"x", None, []),
        from_leaf(echo(1, documents.START_MS, source=7, count=1)),
        from_leaf(echo(1, documents.START_MS, source=0, count=9)),
        Draft(b"control", b"{}", [("hs-control", b"tick")]),
    ],
)
def test_hostile_records_are_dead_lettered_and_the_stage_goes_on(draft: Draft) -> None:
    log = GuardLog()
    (output,) = log.add(draft)
    assert (output.topic, output.signer, output.key) == (DEAD_LETTERS, "dead_letter", b"evidence.v1/0")
    assert log.begin()


def test_a_rollout_of_another_partition_is_refused() -> None:

    elsewhere = 1 - partition_of(ROLLOUT_ID.encode(), 2)
    stage = GuardStage(elsewhere, 2, 1, trust())
    scenario = Scenario(EVIDENCE, elsewhere)
    scenario.begin(None, [documents.document(documents.rollout())])
    scenario.add(from_leaf(echo(0, scenario.now_ms)))
    assert [output.topic for output in stage.apply(scenario.log)] == [DEAD_LETTERS]
    assert stage.rollouts == {}


def test_a_forged_tick_moves_no_clock() -> None:
    log = GuardLog()
    log.begin()

    forged = Tick(topic=EVIDENCE, partition=0, at_ms=log.scenario.now_ms + 10**9)
    log.scenario.wait(10**6)
    assert [output.topic for output in log.add(control(forged, SignerRole.GATEWAY))] == [DEAD_LETTERS]
    assert log.stage.rollouts[ROLLOUT_ID].phase is RolloutPhase.EXPOSING
