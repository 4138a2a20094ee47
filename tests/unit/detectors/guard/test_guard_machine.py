"""The guard as a state machine: whatever sources, people and time do, no promotion without evidence."""

import json

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from homeostat.schemas.decision import Verdict
from homeostat.schemas.intent import IntentAction
from homeostat.schemas.log import Output
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DECISIONS, INTENTS
from tests.builders import documents
from tests.builders.documents import ROLLOUT_ID
from tests.builders.evidence import TOLERANCES, ratio
from tests.builders.guard_log import GuardLog
from tests.builders.replays import check_replay

SOURCES = 2
SPECIALTIES = ("cardiology", "oncology")
MIN_PAIRS = 20
DIFFERENCES = {"fine": 0.0, "worse": 0.3, "tolerable": 0.04}


class GuardMachine(RuleBasedStateMachine):
    """Two sources, two cohorts, one rollout, whose document changes."""

    def __init__(self) -> None:
        super().__init__()
        body = documents.rollout(("tenant-1",), SPECIALTIES, min_pairs=MIN_PAIRS, max_duration_s=200.0)
        self.log = GuardLog(SOURCES, body)
        self.version = 1
        self.unusable: dict[tuple[str, int], bool] = {}
        self.seen = self.checked = 0
        self.decided: set[str] = set()

    @rule(source=st.integers(0, SOURCES - 1), ahead=st.integers(0, 3))
    def echo(self, source: int, ahead: int) -> None:
        self.log.echo(source, step=1 + ahead)

    @rule()
    def echo_all(self) -> None:
        for source in range(SOURCES):
            self.log.echo(source)

    @rule(
        source=st.integers(0, SOURCES - 1),
        specialty=st.sampled_from(SPECIALTIES),
        kind=st.sampled_from(sorted(DIFFERENCES)),
        pairs=st.sampled_from([1, 10, 25, 250]),
        unusable=st.sampled_from([None, None, None, "refusals"]),
    )
    def say(self, source: int, specialty: str, kind: str, pairs: int, unusable: str | None) -> None:
        step = max(self.log.stage.rollouts[ROLLOUT_ID].step, 1)
        self.unusable[specialty, source] = unusable is not None
        self.log.say(
            DIFFERENCES[kind], pairs, specialty=specialty, source_partition=source, unusable=unusable, step=step
        )

    @rule()
    def say_all_is_fine(self) -> None:
        for specialty in SPECIALTIES:
            for source in range(SOURCES):
                self.say(source, specialty, "fine", 250, None)

    @rule(candidates=st.integers(0, 60), controls=st.integers(0, 60), missing=st.integers(0, 60))
    def report_starts(self, candidates: int, controls: int, missing: int) -> None:
        self.unusable["cardiology", 0] = False
        self.log.say(
            {name: [] for name in TOLERANCES},
            candidate_starts=candidates,
            control_starts=controls,
            candidate_missing=min(missing, candidates),
            ratio_log_e=ratio(candidates, controls),
        )

    @rule(seconds=st.sampled_from([0.5, 5.0, 14.0, 40.0]), fresh=st.booleans())
    def tick(self, seconds: float, fresh: bool) -> None:
        self.log.tick(seconds, fresh)

    @rule(source=st.integers(0, SOURCES - 1))
    def lose(self, source: int) -> None:
        self.log.lose(source, self.log.mark)

    @rule(control=st.sampled_from([documents.CONTROL_DIGEST, documents.BASELINE_DIGEST]))
    def apply_document(self, control: str) -> None:
        self.version += 1
        body = self.log.rollout.model_copy(update={"control": control, "title": f"version {self.version}"})
        self.log.control(documents.document(body, self.version))

    @invariant()
    def steps_rise_by_one(self) -> None:
        assert [decision.step for decision in self.log.decisions] == list(range(1, len(self.log.decisions) + 1))

    @invariant()
    def promotion_rests_on_evidence(self) -> None:
        newest, self.seen = self.log.decisions[self.seen :], len(self.log.decisions)
        if not newest or newest[-1].verdict is not Verdict.HEALTHY:
            return
        decision = newest[-1]
        assert {(cell.specialty, cell.signal) for cell in decision.guardrails} == {
            (specialty, signal) for specialty in SPECIALTIES for signal in TOLERANCES
        }
        for cell in decision.guardrails:
            assert cell.pairs >= MIN_PAIRS
            assert cell.log_e_non_inferior >= cell.limit_non_inferior > 2.99
            assert cell.log_e_harmful < cell.limit_harmful
        assert not any(self.unusable.values())

    @invariant()
    def a_lease_lives_only_while_exposing(self) -> None:
        by_lease: dict[str, list[RolloutPhase]] = {}
        for lease in self.log.leases:
            phases = by_lease.setdefault(lease.lease, [])
            assert lease.renewal == len(phases) + 1
            assert all(phase is RolloutPhase.EXPOSING for phase in phases) or lease.phase is not RolloutPhase.EXPOSING
            phases.append(lease.phase)

    @invariant()
    def every_decision_is_followed_by_its_intents_only(self) -> None:
        for output in self.log.outputs[self.checked :]:
            self.checked += 1
            if output.topic == DECISIONS:
                self.decided.add(_field(output, "decision"))
            if output.topic == INTENTS:
                assert _field(output, "decision") in self.decided

    @invariant()
    def a_rollout_that_ended_exposes_nothing(self) -> None:
        exposed = [intent.action for intent in self.log.intents[-1:]] == [IntentAction.EXPOSE]
        assert exposed == (self.log.stage.rollouts[ROLLOUT_ID].phase is RolloutPhase.EXPOSING)

    def teardown(self) -> None:
        log = self.log.scenario.log
        cuts = [len(log) // 3, len(log) // 2, len(log) - 1, 5]
        assert check_replay(self.log.build_stage, log, cuts) == self.log.outputs


def _field(output: Output, name: str) -> str:

    return str(json.loads(output.value or b"{}")[name])


TestGuardMachine = GuardMachine.TestCase
TestGuardMachine.settings = settings(max_examples=20, stateful_step_count=25)
