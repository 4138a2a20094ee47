"""A rollout's attempts and versions at the leaf: what a retry goes on with, and which document counts."""

from collections.abc import Iterable

import numpy as np
import pytest

from homeostat.schemas.base import Message
from homeostat.schemas.canonical import derive_id
from homeostat.schemas.control import Order, OrderDocument, OrderKind
from homeostat.schemas.decision import Verdict
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.log import Output
from homeostat.schemas.rollout import Rollout, RolloutPhase
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import BASELINE_DIGEST, decision, document, rollout
from tests.builders.evidence import ratio
from tests.builders.guard_log import GuardLog, read
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft
from tests.unit.detectors.leaf.logs import arm_trace, new_stage, run_split

RETRY = rollout(rollout=derive_id("a retry"))
OTHER = rollout(control=BASELINE_DIGEST)
"""Another version of the standard rollout: against another control."""


class Leaf:
    """A leaf over a log in the making."""

    def __init__(self, of: Rollout | None = None) -> None:
        self.scenario, self.stage = Scenario(), new_stage()
        self.scenario.begin(extra=[document(of or rollout())])
        self.sessions = 0
        self.reports = 0

    def run(self) -> list[Output]:
        return self.stage.apply(self.scenario.log[self.stage.next_offset :])

    def control(self, message: Message) -> list[Output]:
        self.scenario.control(message)
        return self.run()

    def start(self, of: Rollout, candidates: int, controls: int) -> None:
        """A gateway's report of new sessions."""
        arms = [Arm.CANDIDATE] * candidates + [Arm.CONTROL] * controls
        first, self.sessions, self.reports = self.sessions, self.sessions + len(arms), self.reports + 1
        sessions = enumerate(arms, first)
        starts = [traces.start(derive_id("session", number), arm, of.rollout) for number, arm in sessions]
        self.scenario.add(traces.exposure_report(self.reports, starts))

    def pair(self, of: Rollout, count: int, candidate: float = 0.5, control: float = 0.5, apart_s: float = 0.0) -> None:
        """Pairs of sessions whose start nobody reported, with these edit ratios."""
        for arm, value in ((Arm.CANDIDATE, candidate), (Arm.CONTROL, control)) * count:
            name = ("pair", len(self.scenario.log))
            release = of.candidate if arm is Arm.CANDIDATE else of.control
            self.scenario.add(arm_trace(name, arm, {"edit_ratio": value}, rollout=of.rollout, release=release))
            self.scenario.wait(apart_s)

    def told(self, seconds: float = 3.0) -> list[Evidence]:
        """The evidence stated once the sessions have closed."""
        self.scenario.tick(seconds)
        return evidence_of(self.run())

    @property
    def active(self) -> list[str]:
        """Controls of the pairings that are active."""
        world = self.stage.world
        assert world is not None
        return [key.control for row, key in enumerate(world.pairs.keys) if world.pairs.arrays.active[row]]


def evidence_of(outputs: Iterable[Output]) -> list[Evidence]:
    stated = [output for output in outputs if b'"guardrails"' in (output.value or b"")]
    return read(stated, EVIDENCE, Evidence)


def counts_of(said: Evidence) -> tuple[int, int, int, int]:
    return said.candidate_starts, said.control_starts, said.candidate_missing, said.control_missing


def test_a_retry_counts_ratio_starts_and_missing_work_anew_and_goes_on_with_the_pairs() -> None:
    leaf = Leaf()
    leaf.start(rollout(), 30, 3)
    leaf.pair(rollout(), 4)
    before = leaf.told()[-1]
    assert (before.ratio_log_e, counts_of(before)) == (ratio(30, 3), (30, 3, 30, 3))
    leaf.control(decision(rollout(), 2, RolloutPhase.HELD, Verdict.SAMPLE_RATIO, share=0.0))
    leaf.control(document(RETRY))
    leaf.start(RETRY, 2, 2)
    leaf.pair(RETRY, 1)
    after = leaf.told()[-1]
    assert (after.rollout, after.ratio_log_e, counts_of(after)) == (RETRY.rollout, ratio(2, 2), (2, 2, 2, 2))
    assert after.guardrails["edit_ratio"].pairs == before.guardrails["edit_ratio"].pairs + 1
    assert np.all(np.array(after.guardrails["edit_ratio"].harmful) < before.guardrails["edit_ratio"].harmful)


def test_sessions_of_an_earlier_attempt_do_not_count_as_missing_in_the_next() -> None:
    leaf = Leaf()
    leaf.start(rollout(), 30, 30)
    leaf.pair(rollout(), 2)
    leaf.control(document(RETRY))
    leaf.scenario.add(traces.exposure_report(9, [traces.start(derive_id("x"), Arm.CONTROL, RETRY.rollout)]))
    said = leaf.told()[-1]
    assert counts_of(said) == (0, 1, 0, 1)
    assert said.ratio_log_e == ratio(0, 1)
    assert said.guardrails["edit_ratio"].pairs == 2


def test_without_reported_starts_sessions_of_an_earlier_attempt_are_not_in_the_ratio() -> None:
    leaf = Leaf()
    leaf.pair(rollout(), 2)
    leaf.control(document(RETRY))
    assert leaf.told()[-1].ratio_log_e == ratio(0, 0)


@pytest.mark.parametrize("retry_first", [True, False])
def test_a_held_rollout_takes_no_pairing_back_from_its_retry(retry_first: bool) -> None:
    leaf = Leaf()
    held = decision(rollout(), 2, RolloutPhase.HELD, Verdict.LOW_YIELD, share=0.0)
    for message in (document(RETRY), held) if retry_first else (held, document(RETRY)):
        leaf.control(message)
    leaf.pair(RETRY, 1)
    assert {said.rollout for said in leaf.told()} == {RETRY.rollout}


def hear(guard: GuardLog, leaf: Leaf, outputs: Iterable[Output]) -> None:
    """Let the guard read what the leaf wrote, at the leaf's time."""
    guard.scenario.now_ms = max(guard.scenario.now_ms, leaf.scenario.now_ms)
    for output in outputs:
        if output.topic == EVIDENCE:
            guard.add(Draft(output.key, output.value, output.headers))


@pytest.mark.parametrize(("starts", "verdict"), [((90, 10), Verdict.SAMPLE_RATIO), ((40, 40), Verdict.LOW_YIELD)])
def test_what_a_rollout_was_held_for_does_not_hold_its_retry(starts: tuple[int, int], verdict: Verdict) -> None:
    leaf, guard = Leaf(), GuardLog()
    hear(guard, leaf, leaf.run())
    leaf.start(rollout(), *starts)
    leaf.scenario.tick(3.0)
    hear(guard, leaf, leaf.run())
    assert [made.verdict for made in guard.decisions] == [Verdict.BEGIN, verdict]
    abort = Order(rollout=rollout().rollout, order=OrderKind.ABORT, author="ada", reason="try again")
    guard.control(OrderDocument(subject="order/first", subject_version=1, at_ms=guard.scenario.now_ms, body=abort))
    leaf.control(guard.decisions[-1])
    guard.control(document(RETRY))
    hear(guard, leaf, leaf.control(document(RETRY)))
    leaf.start(RETRY, 6, 6)
    leaf.pair(RETRY, 6)
    leaf.scenario.tick(3.0)
    hear(guard, leaf, leaf.run())
    begun = guard.decisions[3:]
    assert (guard.decisions[2].verdict, guard.decisions[2].phase) == (Verdict.OPERATOR, RolloutPhase.ABORTED)
    assert [(made.verdict, made.rollout) for made in begun] == [(Verdict.BEGIN, RETRY.rollout)]
    assert guard.stage.rollouts[RETRY.rollout].phase is RolloutPhase.EXPOSING


@pytest.mark.parametrize("watch_s", [0.0, 3_600.0])
@pytest.mark.parametrize("specialties", [("cardiology",), ("cardiology", "oncology", "paediatrics")])
def test_harm_is_decided_by_the_session_that_shows_it_and_waits_for_no_tick(
    watch_s: float, specialties: tuple[str, ...]
) -> None:
    of = rollout(specialties=specialties, watch_s=watch_s)

    def decide(with_ticks: bool) -> list[tuple[Verdict, int]]:
        leaf, guard = Leaf(of), GuardLog(rollout=of)
        hear(guard, leaf, leaf.run())
        leaf.control(guard.decisions[-1])
        leaf.pair(of, 30, candidate=1.0, control=0.0, apart_s=0.05)
        for _ in range(100):
            leaf.scenario.wait(0.05)
            leaf.scenario.add(Draft(None, b"", []))
            if with_ticks:
                leaf.scenario.tick(0.0)
            hear(guard, leaf, leaf.run())
        return [(made.verdict, made.pairs) for made in guard.decisions[1:]]

    decided = decide(with_ticks=False)
    assert decided == decide(with_ticks=True)
    assert [verdict for verdict, _ in decided] == [Verdict.HARMFUL]


def test_another_version_before_exposure_takes_the_place_of_the_first() -> None:
    leaf = Leaf()
    leaf.pair(rollout(), 1)
    leaf.control(document(OTHER, version=2))
    assert leaf.active == [BASELINE_DIGEST]
    leaf.control(decision(OTHER, 1, RolloutPhase.EXPOSING))
    leaf.pair(OTHER, 2)
    assert [said.guardrails["edit_ratio"].pairs for said in leaf.told()] == [2]
    leaf.control(decision(OTHER, 2, RolloutPhase.HELD, Verdict.LOW_YIELD, share=0.0))
    assert leaf.active == [BASELINE_DIGEST]


def test_another_version_of_the_same_releases_moves_its_limits_before_exposure() -> None:
    leaf = Leaf()
    leaf.control(document(rollout(alpha=0.2, share=0.25), version=2))
    world = leaf.stage.world
    assert world is not None
    assert (world.pairs.attempts[0].alpha, world.pairs.attempts[0].share) == (0.2, 0.25)
    assert leaf.active == [rollout().control]


def test_another_version_after_the_guards_decision_changes_nothing_and_is_counted() -> None:
    leaf = Leaf()
    leaf.control(decision(rollout(), 1, RolloutPhase.EXPOSING))
    leaf.control(document(OTHER, version=2))
    assert leaf.stage.counts["rollout_documents_too_late"] == 1
    leaf.control(decision(rollout(), 2, RolloutPhase.HELD, Verdict.LOW_YIELD, share=0.0))
    assert leaf.active == [rollout().control]
    leaf.pair(rollout(), 1)
    assert [said.guardrails["edit_ratio"].pairs for said in leaf.told()] == [1]
    leaf.control(decision(rollout(), 3, RolloutPhase.ROLLED_BACK, Verdict.HARMFUL))
    assert leaf.active == []


def test_the_version_that_the_guard_decided_on_may_come_after_its_decision() -> None:
    leaf = Leaf()
    leaf.control(decision(OTHER, 1, RolloutPhase.EXPOSING))
    leaf.control(document(OTHER, version=2))
    assert leaf.active == [BASELINE_DIGEST]
    assert leaf.stage.counts["rollout_documents_too_late"] == 0


def test_attempts_and_versions_survive_restarts_and_batches() -> None:
    leaf = Leaf()
    leaf.control(document(OTHER, version=2))
    leaf.start(OTHER, 3, 3)
    leaf.pair(OTHER, 2)
    leaf.control(document(OTHER.model_copy(update={"rollout": derive_id("again")})))
    middle = leaf.stage.next_offset
    records = leaf.stage.state_records()
    leaf.told()
    again = new_stage()
    again.restore(records)
    again.apply(leaf.scenario.log[middle:])
    assert again.state_records() == leaf.stage.state_records()
    split, _, topic = run_split(leaf.scenario.log, range(len(leaf.scenario.log) - 12, len(leaf.scenario.log)))
    assert split.state_records() == topic == leaf.stage.state_records()
