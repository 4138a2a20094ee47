"""The guard's follow-up: what became of a release that it took back, stated once it changes."""

from typing import Any

import pytest

from homeostat.detectors.guard.stage import GuardStage
from homeostat.schemas.decision import Verdict
from homeostat.schemas.effect import Effect, Outcome, WatchedSignal
from homeostat.schemas.policy import Effects
from homeostat.schemas.rollout import OnHarm, RolloutPhase
from homeostat.schemas.topics import DECISIONS, EFFECTS
from tests.builders import documents
from tests.builders.evidence import aftermath, from_leaf
from tests.builders.guard_log import GuardLog, read
from tests.builders.keys import trust
from tests.builders.release_path import HARM
from tests.builders.replays import check_replay

POLICY = documents.policy(effects=Effects(linger_s=30.0, quiet_s=10.0, watch_s=200.0))
RETURNED = WatchedSignal(signal="omission", sessions=300, mean=0.1, baseline=0.1, tolerance=0.05, within=4.0)
THIN = WatchedSignal(signal="edit_ratio", sessions=12, mean=0.2, baseline=0.2, tolerance=0.05, within=0.4)
WORSE = WatchedSignal(signal="latency", sessions=90, mean=0.5, baseline=0.1, tolerance=0.05, beyond=20.0)


class RolledBack:
    """A rollout of one cohort that was taken back because of omissions, and what is said of that."""

    def __init__(self, *specialties: str, **fields: Any) -> None:
        rollout = documents.rollout(specialties=specialties or ("cardiology",), **fields)
        self.guard = GuardLog(policy=POLICY, rollout=rollout)
        self.guard.begin()
        self.effects: list[Effect] = []
        self.harm()

    def harm(self, specialty: str = "cardiology") -> None:
        """Another specialty is taken back; the guard reads its own decision."""
        self.guard.say(HARM, specialty=specialty)
        assert self.guard.decisions[-1].verdict is Verdict.HARMFUL
        self.guard.control(self.guard.decisions[-1])
        self.since_ms = self.guard.scenario.now_ms

    def report(self, *signals: WatchedSignal, **fields: Any) -> None:
        """The leaf's report; its acknowledgement came with the decision."""
        self.guard.mark += 1
        shown = {"since_ms": self.since_ms, "acknowledged_ms": self.since_ms, "signals": signals}
        message = aftermath(self.guard.mark, self.guard.scenario.now_ms, **{**shown, **fields})
        self.guard.add(from_leaf(message))

    def tick(self, seconds: float) -> list[Effect]:
        self.effects += (found := read(self.guard.tick(seconds), EFFECTS, Effect))
        return found


def test_it_is_watched_until_the_deciding_signals_have_returned() -> None:
    path = RolledBack()
    (first,) = path.tick(1)
    assert (first.outcome, first.final, first.revision) == (Outcome.WATCHING, False, 1)
    assert "has not confirmed" in first.reason
    path.report(THIN)
    (heard,) = path.tick(3)
    assert heard.targets[0].acknowledged_ms == path.since_ms
    path.report(RETURNED, THIN, traces_before=3, traces_after=1, last_ms=path.since_ms + 2_000, last_trace="ab" * 8)
    assert path.tick(3) == [], "the last work that carries it is not long ago"
    (last,) = path.tick(7)
    assert (last.outcome, last.final) == (Outcome.RETURNED, True)
    (target,) = last.targets
    assert (target.traces_before, target.traces_after, target.last_trace) == (3, 1, "ab" * 8)
    assert [(each.watched.signal, each.outcome, each.needed) for each in target.signals] == [
        ("edit_ratio", Outcome.NOT_SHOWN, False),
        ("omission", Outcome.RETURNED, True),
    ]
    assert "omission 0.100 against 0.100 ± 0.05 (n=300 sessions) in cardiology: within tolerance" in last.reason
    path.report(RETURNED, traces_after=50, last_ms=path.guard.scenario.now_ms)
    assert path.tick(60) == [], "after a final one nothing more is said"


def test_a_release_that_is_still_served_is_said_so_and_may_yet_go() -> None:
    path = RolledBack()
    path.tick(60)
    path.report(RETURNED, traces_after=9, last_ms=path.guard.scenario.now_ms)
    (still,) = path.tick(2)
    assert (still.outcome, still.final) == (Outcome.STILL_SERVED, False)
    assert "60 s after its end > 30 s" in still.reason
    (gone,) = path.tick(15)
    assert (gone.outcome, gone.final) == (Outcome.RETURNED, True)


@pytest.mark.parametrize(
    ("signals", "outcome"),
    [((RETURNED, WORSE), Outcome.NOT_RETURNED), ((THIN,), Outcome.NOT_SHOWN), ((), Outcome.NOT_SHOWN)],
)
def test_what_is_not_shown_in_time_stays_so(signals: tuple[WatchedSignal, ...], outcome: Outcome) -> None:
    path = RolledBack()
    path.report(*signals)
    path.tick(50)
    assert not path.effects[-1].final
    (last,) = path.tick(160)
    assert (last.outcome, last.final) == (outcome, True)


def test_a_target_that_never_confirms_is_not_shown() -> None:
    path = RolledBack()
    path.report(RETURNED, acknowledged_ms=None)
    (last,) = path.tick(201)
    assert (last.outcome, last.final) == (Outcome.NOT_SHOWN, True)
    assert "has not confirmed" in last.reason


def test_what_is_taken_back_later_is_watched_without_what_is_done() -> None:
    path = RolledBack("cardiology", "oncology", on_harm=OnHarm.COHORT)
    path.report(RETURNED)
    for _ in range(3):
        path.tick(5)
    assert (path.effects[-1].outcome, path.effects[-1].final) == (Outcome.RETURNED, True)
    path.harm("oncology")
    assert path.guard.decisions[-1].phase is RolloutPhase.ROLLED_BACK
    path.report(RETURNED, specialty="oncology")
    path.report(WORSE)
    (second,) = path.tick(15)
    assert (second.outcome, second.final) == (Outcome.RETURNED, True)
    assert {each.specialty for target in second.targets for each in target.signals} == {"oncology"}


def test_effects_replay_and_are_restored() -> None:
    path = RolledBack()
    path.tick(1)
    path.report(RETURNED)
    path.tick(3)
    path.tick(20)
    log, outputs = path.guard.scenario.log, path.guard.outputs
    assert check_replay(lambda: GuardStage(0, 1, 1, trust()), log, [len(log) // 2, len(log) - 2]) == outputs
    assert [output.topic for output in outputs if output.topic in {DECISIONS, EFFECTS}].count(EFFECTS) == len(
        path.effects
    )
