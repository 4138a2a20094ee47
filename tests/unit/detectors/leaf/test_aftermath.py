"""What the leaf says of a release after it was taken back."""

from collections.abc import Sequence
from typing import Any

import pytest

from homeostat.schemas.canonical import digest_bytes
from homeostat.schemas.command import Acknowledgement, AckOutcome
from homeostat.schemas.decision import LeafTags, Verdict
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.log import LogRecord
from homeostat.schemas.policy import Effects
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import EVIDENCE
from homeostat.schemas.trace import Arm
from tests.builders import traces
from tests.builders.documents import CANDIDATE_DIGEST, ROLLOUT_ID, decision, document, rollout
from tests.builders.keys import GATEWAY
from tests.builders.scenario import Scenario
from tests.unit.detectors.leaf.logs import LEAST_SESSIONS, arm_trace, messages, new_stage, quick_policy, run, run_split

ROLLOUT = rollout()
POLICY = quick_policy(effects=Effects(linger_s=5.0, quiet_s=5.0, watch_s=300.0))
USUAL = {"edit_ratio": 0.2, "latency": 6.0}


class Rollback(Scenario):
    """A cohort with a baseline, whose candidate was exposed and is taken back by `take_back`."""

    def __init__(self) -> None:
        super().__init__()
        self.begin(POLICY, [document(ROLLOUT)])
        for number in range(LEAST_SESSIONS + 2):
            self.work(("before", number), {"edit_ratio": 0.1 + number % 5 / 20, "latency": 5.0 + number % 3})
        self.tick(3.0)
        self.step(1, RolloutPhase.EXPOSING)
        for number in range(5):
            self.carry(("exposed", number))
        self.tick(3.0)

    def step(self, step: int, phase: RolloutPhase, **fields: Any) -> LogRecord:
        return self.control(decision(ROLLOUT, step, phase, log_time_ms=self.now_ms, **fields))

    def take_back(self) -> LogRecord:
        return self.step(2, RolloutPhase.ROLLED_BACK, verdict=Verdict.HARMFUL, deciding=("edit_ratio",))

    def acknowledge(self, generation: int = 3) -> LogRecord:
        return self.control(
            Acknowledgement(
                gateway=GATEWAY,
                target=ROLLOUT.targets[0].target,
                generation=generation,
                state_digest=digest_bytes(b""),
                outcome=AckOutcome.APPLIED,
                at_ms=self.now_ms,
            )
        )

    def work(self, number: object, signals: dict[str, float]) -> None:
        self.wait(0.05)
        self.add(traces.trace(traces.work(number, signals)))

    def carry(self, number: object, **fields: Any) -> None:
        """A work that the candidate did."""
        self.wait(0.05)
        arm = fields.pop("arm", Arm.CANDIDATE)
        self.add(arm_trace(number, arm, USUAL, **{"release": CANDIDATE_DIGEST, **fields}))

    def works(self, name: str, count: int, **signals: float) -> None:
        for number in range(count):
            self.work((name, number), {**USUAL, **signals})
            if number % 50 == 49:
                self.tick()
        self.tick(3.0)


def said(log: Sequence[LogRecord]) -> list[Aftermath]:
    _, outputs = run(log)
    return [Aftermath(**each) for each in messages(outputs, EVIDENCE, "traces_after")]


def test_work_that_carries_the_release_is_counted_before_and_after_the_acknowledgement() -> None:
    log = Rollback()
    log.take_back()
    for number in range(3):
        log.carry(("going", number))
    log.wait(1)
    log.acknowledge()
    log.carry(("late", 1))
    log.carry(("late", 2), rollout=None)
    last_ms = log.now_ms
    log.carry(("late", 2), rollout=None)
    log.carry(("elsewhere", 1), specialty="oncology")
    log.tick(3.0)
    (aftermath,) = said(log.log)
    assert (aftermath.rollout, aftermath.step, aftermath.specialty) == (ROLLOUT_ID, 2, "cardiology")
    assert (aftermath.traces_before, aftermath.traces_after) == (3, 2), "a repeat is none, nor is another cohort's"
    assert (aftermath.last_ms, aftermath.last_trace) == (last_ms, traces.work(("late", 2), USUAL).trace_id)
    assert aftermath.acknowledged_ms is not None
    assert aftermath.since_ms < aftermath.acknowledged_ms < aftermath.last_ms


def test_sessions_since_the_acknowledgement_are_held_against_the_baseline() -> None:
    log = Rollback()
    log.take_back()
    log.works("unconfirmed", 40, edit_ratio=0.9)
    log.acknowledge()
    log.works("fine", 300)
    newest = said(log.log)[-1]
    edits = {each.signal: each for each in newest.signals}["edit_ratio"]
    assert newest.sessions == edits.sessions == 300, "those before the gateway confirmed show the old state"
    assert edits.mean == pytest.approx(0.2, abs=1e-6)
    assert edits.baseline == pytest.approx(0.2, abs=0.02)
    assert edits.within > 3.0 > edits.beyond
    assert "yield" not in {each.signal for each in newest.signals}, "only rollouts report starts"
    assert "acceptance" in {each.signal for each in newest.signals}, "feedback has said nothing yet, and that is shown"


def test_signals_that_stay_bad_say_so() -> None:
    log = Rollback()
    log.take_back()
    log.acknowledge()
    log.works("worse", 100, edit_ratio=0.6)
    edits = {each.signal: each for each in said(log.log)[-1].signals}["edit_ratio"]
    assert edits.beyond > 10.0 > edits.within


def test_a_cohort_that_was_promoted_or_goes_on_is_not_watched() -> None:
    tag = LeafTags(tenant="tenant-1", specialty="cardiology", workflow="scribe")
    for phase, fields in ((RolloutPhase.PROMOTED, {"promoted": (tag,)}), (RolloutPhase.EXPOSING, {})):
        log = Rollback()
        log.step(2, phase, **fields)
        log.carry("later")
        log.tick(3.0)
        assert sum(each.traces_before for each in said(log.log)) == 0
    log = Rollback()
    log.step(2, RolloutPhase.EXPOSING, taken_back=(tag,))
    log.carry("later")
    log.tick(3.0)
    assert [each.traces_before for each in said(log.log)] == [1]


def test_a_retry_is_no_use_of_a_withdrawn_release() -> None:
    log = Rollback()
    log.take_back()
    log.acknowledge()
    retry = rollout(rollout="ab" * 16)
    log.control(document(retry))
    log.control(decision(retry, 1, RolloutPhase.EXPOSING, log_time_ms=log.now_ms))
    log.carry("tried again", rollout=retry.rollout)
    log.tick(3.0)
    assert sum(each.traces_after for each in said(log.log)) == 0


def test_the_watch_ends_and_the_same_log_gives_the_same_bytes_however_it_is_cut() -> None:
    log = Rollback()
    log.take_back()
    log.carry("going")
    log.acknowledge()
    log.works("fine", 40)
    log.tick(1.0)
    middle = len(log.log)
    log.carry("late")
    log.works("more", 20)
    log.tick(400.0)
    log.carry("long after")
    log.tick(3.0)
    whole, outputs = run(log.log)
    assert not [key for key in whole.state_records() if key.startswith(b"aftermath/")]
    for cuts in ((middle,), range(0, len(log.log), 37)):
        stage, split, topic = run_split(log.log, cuts)
        assert split == outputs
        assert topic == stage.state_records() == whole.state_records()
    first, before = run(log.log[:middle])
    restored = new_stage()
    restored.restore(first.state_records())
    assert [*before, *restored.apply(log.log)] == outputs
    assert said(log.log)[-1].traces_after == 1


def test_what_is_promoted_is_held_against_the_baseline_of_before() -> None:
    tag = LeafTags(tenant="tenant-1", specialty="cardiology", workflow="scribe")
    log = Rollback()
    log.step(2, RolloutPhase.PROMOTED, verdict=Verdict.HEALTHY, promoted=(tag,))
    log.acknowledge()
    log.carry("usual now", arm=Arm.BASELINE)
    log.works("worse", 100, edit_ratio=0.6)
    newest = said(log.log)[-1]
    assert (newest.promoted, newest.traces_before, newest.traces_after) == (True, 0, 0)
    assert {each.signal: each for each in newest.signals}["edit_ratio"].beyond > 10.0
    log.step(3, RolloutPhase.ROLLED_BACK, verdict=Verdict.REGRESSED, taken_back=(tag,))
    log.works("after", 10)
    assert not said(log.log)[-1].promoted
