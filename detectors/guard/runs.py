"""When a rollout's exposure begins, goes on and ends."""

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.guard import persist
from homeostat.detectors.guard.assess import Assessed, assess_cohort
from homeostat.detectors.guard.evidence_book import CohortKey, EvidenceBook
from homeostat.detectors.guard.judge import Finding, Judgement, Situation, judge
from homeostat.detectors.guard.measure import measure_cohort
from homeostat.detectors.guard.plans import build_plan
from homeostat.detectors.guard.rollout_state import Plan, RolloutState
from homeostat.detectors.guard.sources import SourceTable
from homeostat.detectors.outbox import Outbox
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.evidence import Echo, Evidence
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import ENDED, Rollout, RolloutPhase

_JUDGED = frozenset({RolloutPhase.EXPOSING, RolloutPhase.HELD})


class Runs:
    """The rollouts of one partition. `states` and `changed` are the part of this that is state; the rest is derived."""

    def __init__(self, control: ControlLog, book: EvidenceBook, sources: SourceTable, source_count: int) -> None:
        self._control, self._book, self._sources, self._source_count = control, book, sources, source_count
        self.states: dict[str, RolloutState] = {}
        self.changed: set[str] = set()
        self._assessed: dict[str, dict[CohortKey, Assessed]] = {}

    def note_document(self, rollout: Rollout) -> bool:
        """Take a version of a rollout's document; False once exposure has begun, because its plan is fixed then."""
        state = self.states.get(rollout.rollout)
        if state is not None and state.phase is not RolloutPhase.PENDING:
            return False
        self._keep(state or RolloutState(rollout=rollout.rollout))
        return True

    def note_echo(self, echo: Echo) -> bool:
        """Note that a source partition has taken over a step; False for a repeat."""
        state = self.states.get(echo.rollout, RolloutState(rollout=echo.rollout))
        echoed = state.with_echo(echo.source_partition, echo.step)
        if echoed is state:
            return False
        self._keep(echoed)
        return True

    def note_evidence(self, evidence: Evidence) -> bool:
        """Keep newer evidence of a rollout that is not over; False for a repeat and for what comes too late."""
        state = self.states.get(evidence.rollout)
        if state is not None and state.phase in ENDED:
            return False
        if not self._book.take(evidence):
            return False
        cohort = (evidence.tenant, evidence.specialty, evidence.workflow)
        self._assessed.get(evidence.rollout, {}).pop(cohort, None)
        return True

    def look_at_all(self, outbox: Outbox, renew: bool) -> None:
        """Look at every rollout whose exposure may begin or is not over."""
        for rollout in sorted(self.states):
            self.look(rollout, outbox, renew)

    def look(self, rollout: str, outbox: Outbox, renew: bool) -> None:
        """Begin, judge and end one rollout as its evidence calls for; with `renew` also renew a lease that may be."""
        state, policy = self.states.get(rollout), self._control.policy
        if state is None or policy is None or not self._control.evaluated:
            return
        if state.phase is RolloutPhase.PENDING:
            self._begin(state, policy, outbox)
        elif state.phase in _JUDGED:
            self._judge(state, policy, outbox, renew)

    def judge_now(self, rollout: str) -> Judgement | None:
        """What the evidence says at this moment, for those who show it; None unless exposing or held."""
        state, policy = self.states.get(rollout), self._control.policy
        if state is None or policy is None or state.phase not in _JUDGED:
            return None
        return self._consider(state, policy)

    def _begin(self, state: RolloutState, policy: Policy, outbox: Outbox) -> None:
        try:
            plan = build_plan(self._control, state.rollout)
        except DocumentInvalid as error:
            self._keep(state.model_copy(update={"health": Health.ERROR, "reason": str(error)}))
            return
        if plan is None or not state.echoed_by(self._source_count) or self._find_stale(policy):
            return
        begun = state.model_copy(
            update={"plan": plan, "begun_ms": self._control.log_time_ms, "health": Health.LOW_POWER}
        )
        self._assessed.pop(state.rollout, None)
        reason = (
            f"{self._source_count} of {self._source_count} source partitions have taken the rollout over; "
            f"{plan.rollout.share:g} of the sessions of {len(plan.cohorts)} cohorts get the candidate"
        )
        finding = Finding(Verdict.BEGIN, reason)
        self._decide(begun, Judgement(Health.NOT_EVALUATED, (), (), finding), finding, policy, outbox)

    def _judge(self, state: RolloutState, policy: Policy, outbox: Outbox, renew: bool) -> None:
        judgement = self._consider(state, policy)
        if judgement.finding is not None:
            self._decide(state, judgement, judgement.finding, policy, outbox)
            return
        if not renew:
            return
        state = state.model_copy(update={"health": judgement.health, "reason": judgement.reason})
        if judgement.renewable and state.phase is RolloutPhase.EXPOSING:
            state = persist.write_lease(state, policy.times, outbox)
        self._keep(state)

    def _consider(self, state: RolloutState, policy: Policy) -> Judgement:
        assert state.plan is not None
        now_ms = self._control.log_time_ms
        situation = Situation(
            phase=state.phase,
            held_for=state.verdict if state.phase is RolloutPhase.HELD else None,
            stale=self._find_stale(policy),
            exposed_s=(now_ms - state.begun_ms) / 1000,
            overdue_s=(now_ms - state.expires_ms) / 1000,
        )
        return judge(state.plan, self._assess(state.rollout, state.plan), situation)

    def _assess(self, rollout: str, plan: Plan) -> list[Assessed]:
        """Every cohort's assessment; only those with new evidence are made anew."""
        known = self._assessed.setdefault(rollout, {})
        for cohort in plan.cohorts:
            if cohort not in known:
                known[cohort] = assess_cohort(plan, measure_cohort(plan, cohort, self._book.of_cohort(rollout, cohort)))
        return [known[cohort] for cohort in plan.cohorts]

    def _decide(
        self, state: RolloutState, judgement: Judgement, finding: Finding, policy: Policy, outbox: Outbox
    ) -> None:
        assert state.plan is not None
        marks: dict[int, int] = {}
        for evidence in self._book.of_rollout(state.rollout):
            marks[evidence.source_partition] = max(evidence.mark, marks.get(evidence.source_partition, 0))
        decision = persist.write_decision(state, judgement, finding, marks, outbox)
        manifest = self._control.releases.get(state.plan.rollout.candidate)
        persist.write_intents(state, decision, manifest, outbox)
        known = {"step": decision.step, "phase": decision.phase, "verdict": finding.verdict, "reason": decision.reason}
        moved = state.model_copy(update=known)
        if finding.verdict is not Verdict.BEGIN:
            moved = moved.model_copy(update={"health": judgement.health})
        self._keep(persist.write_lease(moved, policy.times, outbox))
        if decision.phase in ENDED:
            self._book.forget(state.rollout)
            self._assessed.pop(state.rollout, None)

    def _find_stale(self, policy: Policy) -> list[int]:
        timeout_ms = round(policy.times.source_timeout_s * 1000)
        return self._sources.find_stale(self._control.log_time_ms, timeout_ms, self._control.missing)

    def _keep(self, state: RolloutState) -> None:
        if self.states.get(state.rollout) != state:
            self.states[state.rollout] = state
            self.changed.add(state.rollout)
