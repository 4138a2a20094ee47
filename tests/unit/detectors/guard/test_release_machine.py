"""The whole path as a state machine, for every strategy: whatever happens, nobody is exposed without a reason."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import event, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.schemas.control import OrderKind, StopScope
from homeostat.schemas.decision import Decision
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.rollout import Flag, OnHarm, OnUnproven, RolloutPhase, Strategy, Wave
from homeostat.schemas.trace import OutputProperty
from tests.builders import documents
from tests.builders.documents import CANDIDATE_DIGEST, CONTROL_DIGEST
from tests.builders.evidence import from_leaf, ratio, regressed
from tests.builders.keys import REVIEWER, SECOND_REVIEWER, trust
from tests.builders.release_path import ReleasePath, state_of
from tests.builders.replays import check_replay
from tests.unit.detectors.guard.decision_checks import check_decision

SOURCES = 2
TENANTS, SPECIALTIES = ("tenant-1", "tenant-2"), ("cardiology", "oncology")
COHORTS = [(tenant, specialty) for tenant in TENANTS for specialty in SPECIALTIES]
TTL_S = documents.TIMES.lease_ttl_s
SESSIONS = range(24)
SHOWN = {"fine": (0.0, 250), "some": (0.0, 30), "few": (0.0, 3), "harmful": (0.3, 120), "worse": (0.3, 12)}
WAVES: dict[Strategy, list[tuple[Wave, ...]]] = {
    Strategy.GLOBAL: [(), (Wave(share=0.1, min_pairs=20), Wave(share=0.5))],
    Strategy.TENANT_BY_TENANT: [(), (Wave(bake_s=20.0),)],
    Strategy.COHORT_CANARY: [
        (),
        (Wave(tenants=("tenant-1",), min_pairs=20, bake_s=20.0), Wave(approvals=1)),
        (Wave(share=0.1, specialties=("cardiology",), min_pairs=25), Wave(share=0.3), Wave(share=0.5)),
    ],
    Strategy.FEATURE_FLAG: [(), (Wave(tenants=("tenant-2",), min_pairs=20), Wave())],
    Strategy.MANUAL_APPROVAL: [(), (Wave(tenants=("tenant-1",), min_pairs=20), Wave())],
    Strategy.SHADOW: [(), (Wave(min_pairs=20), Wave(approvals=2))],
}

FAULTS = ["former_step", "former_step", "unusable", "impossible", "never"]
"""What often ends a rollout comes less often, so that late waves are reached; so with orders, stops and silence."""

cohorts = st.sampled_from(COHORTS)
sources = st.integers(0, SOURCES - 1)


class ReleaseMachine(RuleBasedStateMachine):
    """Two sources, two tenants with two specialties each, one rollout of one strategy."""

    strategy: Strategy

    def __init__(self) -> None:
        super().__init__()
        self.checked = 0

    @initialize(data=st.data(), on_harm=st.sampled_from(OnHarm), at_once=st.booleans())
    def apply(self, data: st.DataObject, on_harm: OnHarm, at_once: bool) -> None:
        flag = Flag(except_properties=(OutputProperty.MEDICATION_CHANGE,))
        body = documents.rollout(
            TENANTS,
            SPECIALTIES,
            strategy=self.strategy,
            flag=flag if self.strategy is Strategy.FEATURE_FLAG else None,
            on_harm=on_harm,
            waves=data.draw(st.sampled_from(WAVES[self.strategy])),
            max_duration_s=400.0,
            on_unproven=data.draw(st.sampled_from(OnUnproven)),
        )
        self.path = ReleasePath(body, sources=SOURCES)
        self.waves = make_plan(body, documents.policy(), documents.CANDIDATE).waves
        self.stops: dict[str, bool] = {}
        self.signed: set[str] = set()
        if at_once:
            self.path.begin()
            self.approve(REVIEWER, 0)

    @property
    def last(self) -> Decision | None:
        return self.path.guard.decisions[-1] if self.path.guard.decisions else None

    @rule()
    def echo_all(self) -> None:
        self.path.begin()

    @rule(cohort=cohorts, source=sources, shown=st.sampled_from(sorted(SHOWN)))
    def say(self, cohort: tuple[str, str], source: int, shown: str) -> None:
        self._say(cohort, source, *SHOWN[shown])

    @rule()
    def say_all_is_fine(self) -> None:
        for cohort in COHORTS:
            self._say(cohort, 0, *SHOWN["fine"])

    @rule()
    def go_on(self) -> None:
        """Nothing stands in the way of the next wave, or of promotion."""
        for approver in (REVIEWER, SECOND_REVIEWER):
            self.approve(approver, len(self.waves))
        exposed = () if self.last is None else self.last.exposed
        for tag in exposed:
            self._say((tag.tenant, tag.specialty), 0, *SHOWN["fine"])
        for _ in range(3):
            self.path.tick(7.0)

    @rule(cohort=cohorts)
    def harm_one_and_go_on(self, cohort: tuple[str, str]) -> None:
        self._say(cohort, 0, *SHOWN["harmful"])
        self.go_on()

    @rule(cohort=cohorts, source=sources, fault=st.sampled_from(FAULTS))
    def say_what_must_not_be_judged(self, cohort: tuple[str, str], source: int, fault: str) -> None:
        match fault:
            case "unusable":
                self._say(cohort, source, 0.0, 250, unusable="refusals")
            case "impossible":
                self._say(cohort, source, 0.0, 250, ratio_log_e=(1,))
            case "never":
                self._say(cohort, source, 0.0, 1, never=("invented_allergy",))
            case _:
                self._say(cohort, source, 0.0, 30, step=1, ratio_log_e=ratio(200, 20))

    @precondition(lambda self: not self.stops.get(StopScope.AUTOMATION))
    @rule(cohort=cohorts, beyond=st.sampled_from([5.0, 12.0]))
    def watch_what_was_promoted(self, cohort: tuple[str, str], beyond: float) -> None:
        """Of a cohort that is not promoted it comes to nothing."""
        self.path.guard.mark += 1
        place = {"tenant": cohort[0], "specialty": cohort[1]}
        message = regressed(self.path.guard.mark, self.path.guard.scenario.now_ms, beyond, **place)
        self.path.pass_on(self.path.guard.add(from_leaf(message)))

    @rule(cohort=cohorts, starts=st.tuples(st.integers(0, 60), st.integers(0, 60)), missing=st.integers(0, 60))
    def report_starts(self, cohort: tuple[str, str], starts: tuple[int, int], missing: int) -> None:
        fields = {"candidate_starts": starts[0], "control_starts": starts[1], "ratio_log_e": ratio(*starts)}
        self._say(cohort, 0, 0.0, 25, candidate_missing=min(missing, starts[0]), **fields)

    @rule(seconds=st.sampled_from([0.5, 5.0, 5.0, 14.0, 14.0, 40.0]), fresh=st.sampled_from([True, True, True, False]))
    def tick(self, seconds: float, fresh: bool) -> None:
        self.path.pass_on(self.path.guard.tick(seconds, fresh))

    @rule(source=sources)
    def lose(self, source: int) -> None:
        self.path.pass_on(self.path.guard.lose(source, self.path.guard.mark))

    @rule(seconds=st.sampled_from([3.0, 3.0, 3.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.path.guard.scenario.wait(seconds)

    @rule(kind=st.sampled_from([*OrderKind, OrderKind.RESUME, OrderKind.RESUME]))
    def order(self, kind: OrderKind) -> None:
        self.path.order(kind)

    @rule(approver=st.sampled_from([REVIEWER, SECOND_REVIEWER]), waves=st.integers(0, 3))
    def approve(self, approver: str, waves: int) -> None:
        self.signed.add(approver)
        self.path.approve(approver, waves)

    @rule(forged=st.sampled_from(["another plan", "another's name", "another role"]))
    def approve_in_vain(self, forged: str) -> None:
        self.path.approve_in_vain(forged)

    @rule(scope=st.sampled_from(StopScope), active=st.sampled_from([False, False, True]))
    def stop(self, scope: StopScope, active: bool) -> None:
        named: dict[str, Any] = {}
        if scope is StopScope.TENANT:
            named = {"tenant": "tenant-2"}
        if scope is StopScope.RELEASE:
            named = {"release": CANDIDATE_DIGEST}
        self.stops[scope] = active
        self.path.stop(scope=scope, active=active, **named)

    @precondition(lambda self: self.last is not None)
    @rule(title=st.sampled_from(["other", "words"]))
    def change_the_document(self, title: str) -> None:
        body = self.path.rollout.model_copy(update={"title": title, "share": 0.9, "approvals": 0})
        self.path.change(body)

    @rule(who=st.sampled_from(["guard", "sequencer", "gateway"]))
    def restart(self, who: str) -> None:
        {
            "guard": self.path.restart_guard,
            "sequencer": self.path.restart_sequencer,
            "gateway": self.path.restart_gateway,
        }[who]()
        if who == "gateway":  # it reads all topics anew, and no renewal in them is a newer one
            assert all(self._served(cohort) <= {self._kept(cohort)} for cohort in COHORTS)

    @rule(cut_off=st.sampled_from(["", "commands", "all"]))
    def cut_off_the_gateway(self, cut_off: str) -> None:
        if not (self.path.cut_off == "all" and cut_off == "commands"):
            self.path.cut_off = cut_off
            self.path.catch_up()

    @invariant()
    def decisions_rest_on_what_they_name(self) -> None:
        plan = make_plan(self.path.rollout, documents.policy(), documents.CANDIDATE)
        for number in range(self.checked, len(self.path.guard.decisions)):
            before = self.path.guard.decisions[number - 1] if number else None
            decision = self.path.guard.decisions[number]
            assert set(decision.approved_by) <= self.signed
            check_decision(plan, before, decision, number + 1)
        self.checked = len(self.path.guard.decisions)

    @invariant()
    def generations_rise_by_one(self) -> None:
        for tenant in TENANTS:
            told = [each for each in self.path.sequencer.commands if each.target.tenant == tenant]
            assert [each.generation for each in told] == list(range(1, len(told) + 1))

    @invariant()
    def intents_are_refused_for_stops_only(self) -> None:
        assert set(self.path.refused) <= {Refusal.STOPPED}

    @invariant()
    def a_target_is_asked_once_a_step(self) -> None:
        asked = [(intent.target.key, intent.step) for intent in self.path.guard.intents]
        assert len(asked) == len(set(asked))

    @invariant()
    def a_lease_lives_only_while_exposing(self) -> None:
        ended: set[str] = set()
        for lease in self.path.guard.leases:
            assert lease.lease not in ended or lease.phase is not RolloutPhase.EXPOSING
            if lease.phase is not RolloutPhase.EXPOSING:
                ended.add(lease.lease)

    @invariant()
    def who_gets_the_candidate_may(self) -> None:
        for cohort in COHORTS:
            if "candidate" in self._served(cohort):
                assert not self._is_banned(cohort)
                assert self._was_told_promoted(cohort) or self._may_be_exposed(cohort)

    def teardown(self) -> None:
        """Homeostat is gone for good: within the lease everybody is served one release, promoted or restored.

        It stays so for days, and over restarts of the gateway.
        """
        if not hasattr(self, "path"):
            return
        for decision in self.path.guard.decisions:
            event(f"{decision.verdict} in wave {decision.wave}, {decision.phase}")
        for seconds in (TTL_S, 0.0, 86_400.0):
            self.path.guard.scenario.wait(seconds)
            for cohort in COHORTS:
                assert self._served(cohort) == {self._kept(cohort)}
            self.path.restart_gateway()
        guard, sequencer = self.path.guard, self.path.sequencer
        for log, build, outputs in (
            (guard.scenario.log, guard.build_stage, guard.outputs),
            (sequencer.scenario.log, lambda: SequencerStage(0, 1, trust()), sequencer.outputs),
        ):
            assert check_replay(build, log, [len(log) // 3, len(log) - 1]) == outputs

    def _say(self, cohort: tuple[str, str], source: int, difference: float, pairs: int, **fields: Any) -> None:
        share = self.last.share if self.last is not None and self.last.share else 0.5
        counted = {"ratio_log_e": ratio(round(100 * share), round(100 * (1 - share)), share)}
        fields = {**counted, "source_partition": source, **fields}
        self.path.say(difference, cohort, pairs, **fields)

    def _served(self, cohort: tuple[str, str]) -> set[str]:
        names = {CONTROL_DIGEST: "control", CANDIDATE_DIGEST: "candidate"}
        found = (self.path.serve(*cohort, number) for number in SESSIONS)
        return {names[each.release] for each in found if each is not None}

    def _is_banned(self, cohort: tuple[str, str]) -> bool:
        state = state_of(self.path, cohort[0])
        barred = {name for each in state.barred for name in each.specialties}
        return CANDIDATE_DIGEST in state.quarantine or cohort[1] in barred

    def _is_promoted(self, cohort: tuple[str, str]) -> bool:
        return self.last is not None and cohort in {(each.tenant, each.specialty) for each in self.last.promoted}

    def _was_told_promoted(self, cohort: tuple[str, str]) -> bool:
        """What was promoted has no lease: a gateway that is cut off cannot be told that it was taken back."""
        said = self.path.guard.decisions if self.path.cut_off else self.path.guard.decisions[-1:]
        return any(cohort in {(each.tenant, each.specialty) for each in decision.promoted} for decision in said)

    def _kept(self, cohort: tuple[str, str]) -> str:
        """What a cohort is given while nothing is exposed."""
        state = state_of(self.path, cohort[0])
        if not self.path.cut_off and not self.stops.get(StopScope.AUTOMATION):
            assert (state.baseline == CANDIDATE_DIGEST) == any(
                self._is_promoted((cohort[0], specialty)) for specialty in SPECIALTIES
            )
        varied = {name for each in state.variants for name in each.specialties}
        return "candidate" if state.baseline == CANDIDATE_DIGEST and cohort[1] not in varied else "control"

    def _may_be_exposed(self, cohort: tuple[str, str]) -> bool:
        """An unexpired lease, and, where the gateway hears of it, an exposing phase and no stop."""
        now_ms, skew_ms = self.path.now.wall_ms, round(documents.TIMES.clock_skew_s * 1000)
        alive = any(
            lease.phase is RolloutPhase.EXPOSING and now_ms < lease.expires_ms - skew_ms
            for lease in self.path.guard.leases
        )
        if not alive or self.strategy is Strategy.SHADOW:
            return False
        if self.path.cut_off == "all":
            return True
        assert self.last is not None
        stopped = [name for name, active in self.stops.items() if active and name is not StopScope.AUTOMATION]
        if [name for name in stopped if name != StopScope.TENANT or cohort[0] == "tenant-2"]:
            return False
        exposed = {(each.tenant, each.specialty) for each in self.last.exposed}
        return self.last.phase is RolloutPhase.EXPOSING and cohort in exposed


@pytest.mark.parametrize("strategy", Strategy)
def test_whatever_happens(strategy: Strategy) -> None:
    machine = type("Machine", (ReleaseMachine,), {"strategy": strategy})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=30))
