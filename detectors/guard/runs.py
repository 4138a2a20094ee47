"""When a rollout's exposure begins, goes on and ends."""

from functools import partial

from homeostat.detectors.control_log import ControlLog
from homeostat.detectors.guard import persist
from homeostat.detectors.guard.assess import Assessed, assess_cohort
from homeostat.detectors.guard.doubts import find_doubt
from homeostat.detectors.guard.drill_gate import NEVER_PROMOTED, find_unproven_gateway
from homeostat.detectors.guard.error_budgets import Clock, judge_spending, mark_periods
from homeostat.detectors.guard.evidence_book import CohortKey, EvidenceBook
from homeostat.detectors.guard.gates import (
    People,
    Rival,
    find_approvers,
    find_obstacle,
    find_order,
    find_rival,
    find_stopped,
    find_switch,
)
from homeostat.detectors.guard.judge import Finding, Judgement, Situation, judge
from homeostat.detectors.guard.measure import measure_cohort
from homeostat.detectors.guard.moves import move
from homeostat.detectors.guard.plans import build_plan
from homeostat.detectors.guard.promotion import find_regression
from homeostat.detectors.guard.rollout_state import Plan, RolloutState
from homeostat.detectors.guard.sources import SourceTable
from homeostat.detectors.outbox import Outbox
from homeostat.schemas.control import OrderDocument
from homeostat.schemas.decision import Health, Verdict
from homeostat.schemas.effect import Aftermath
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.evidence import Echo, Evidence
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import ENDED, Rollout, RolloutPhase

_MOST_NAMED = 3
_JUDGED = frozenset({RolloutPhase.EXPOSING, RolloutPhase.HELD, RolloutPhase.PAUSED})


class Runs:
    """The rollouts of one partition. `states` and `changed` are the part of this that is state; the rest is derived."""

    def __init__(self, control: ControlLog, book: EvidenceBook, sources: SourceTable, source_count: int) -> None:
        self._control, self._book, self._sources, self._source_count = control, book, sources, source_count
        self.states: dict[str, RolloutState] = {}
        self.changed: set[str] = set()
        self._assessed: dict[str, dict[CohortKey, Assessed]] = {}
        self._going: set[str] = set()

    def restore(self, state: RolloutState) -> None:
        """Take a rollout's state as it was kept."""
        self.states[state.rollout] = state
        if state.phase in ENDED:
            self._going.discard(state.rollout)
        else:
            self._going.add(state.rollout)

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
        for rollout in sorted(self._going):
            self.look(rollout, outbox, renew)

    def look_at_waiting(self, outbox: Outbox) -> None:
        """Look at every rollout whose exposure may begin, such as those that wait for another to end."""
        for rollout in sorted(key for key in self._going if self.states[key].phase is RolloutPhase.PENDING):
            self.look(rollout, outbox, renew=False)

    def look(self, rollout: str, outbox: Outbox, renew: bool) -> None:
        """Begin, judge and end one rollout as its evidence calls for; with `renew` also renew a lease that may be."""
        state, policy = self.states.get(rollout), self._control.policy
        if state is None or policy is None or not self._control.evaluated:
            return
        if state.phase is RolloutPhase.PENDING:
            self._begin(state, policy, outbox)
        elif state.phase in _JUDGED:
            self._judge(state, policy, outbox, renew)

    def look_after_promotion(self, report: Aftermath, outbox: Outbox) -> bool:
        """Take back what was promoted and is worse than the baseline before it; whether that was decided."""
        state, policy = self.states.get(report.rollout), self._control.policy
        if state is None or policy is None or not self._control.evaluated:
            return False
        judgement = find_regression(state, report)
        if judgement is None or judgement.finding is None:
            return False
        self._decide(state, judgement, judgement.finding, policy, outbox)
        return True

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
        obstacle = self._find_obstacle(plan, policy)
        if obstacle is not None:
            self._keep(state.model_copy(update={"reason": obstacle}))
            return
        self._assessed.pop(state.rollout, None)
        reason = (
            f"{self._source_count} of {self._source_count} source partitions have taken the rollout over; "
            f"{plan.waves[0].share:g} of the sessions of {len(plan.waves[0].cohorts)} of {len(plan.cohorts)} cohorts "
            "get the candidate"
        )
        if plan.left_out:
            reason += f"; {len(plan.left_out)} targets refuse it: {'; '.join(plan.left_out[:_MOST_NAMED])}"
        planned = state.model_copy(update={"plan": plan, "health": Health.LOW_POWER})
        finding = Finding(Verdict.BEGIN, reason)
        self._decide(planned, Judgement(Health.NOT_EVALUATED, (), (), finding), finding, policy, outbox)

    def _find_obstacle(self, plan: Plan, policy: Policy) -> str | None:
        """Why exposure may not begin: people, the calendar, a stale proof, or another rollout in the same place."""
        people, control = self._people, self._control
        stopped = find_stopped(plan, people.stops, plan.waves[0].cohorts)
        if stopped:
            return f"an emergency stop covers {len(stopped)} of {len(plan.waves[0].cohorts)} cohorts of the first wave"
        obstacle = find_obstacle(plan, 0, people, control.log_time_ms) or find_unproven_gateway(
            plan.rollout, policy, control.drills, control.log_time_ms
        )
        if obstacle is not None:
            return obstacle
        rival = self._find_rival(plan)
        return None if rival is None else f"waits for {rival}"

    def _find_rival(self, plan: Plan) -> Rival | None:
        """By what this partition knows itself, and by what control has brought of the others."""
        return find_rival(plan.rollout, self._control.list_rivals(plan.rollout), self._find_phase)

    def _find_phase(self, rollout: str) -> RolloutPhase | None:
        known = self.states.get(rollout) or self._control.steps.get(rollout)
        return None if known is None else known.phase

    @property
    def _people(self) -> People:
        control = self._control
        return People(control.approvals, control.orders, control.stops, control.releases)

    def _judge(self, state: RolloutState, policy: Policy, outbox: Outbox, renew: bool) -> None:
        state = self._mark_periods(state)
        judgement = self._consider(state, policy)
        order = find_order(state, self._people)
        finding = self._find_said(state, order) or judgement.finding or (self._give_way(state) if renew else None)
        if finding is not None:
            told = order if finding.verdict is Verdict.OPERATOR else None
            self._decide(state, judgement, finding, policy, outbox, told)
            return
        if not renew:
            self._keep(state)
            return
        state = state.model_copy(update={"health": judgement.health, "reason": judgement.reason})
        due = persist.is_due(state, policy.times, self._control.log_time_ms)
        if due and judgement.renewable and state.phase is RolloutPhase.EXPOSING:
            state = persist.write_lease(state, policy.times, outbox)
        self._keep(state)

    def _find_said(self, state: RolloutState, order: OrderDocument | None) -> Finding | None:
        """What people say goes before what the evidence says: a stop, then an order."""
        assert state.plan is not None
        stopped = find_stopped(state.plan, self._people.stops, state.exposed)
        if stopped:
            some = tuple(stopped) if len(stopped) < len(state.exposed) else ()
            return Finding(Verdict.STOPPED, f"an emergency stop covers {len(stopped)} exposed cohorts", (), some)
        if order is None:
            return None
        said = f"{order.body.order} ordered by {order.body.author}"
        return Finding(Verdict.OPERATOR, f"{said}: {order.body.reason}" if order.body.reason else said)

    def _give_way(self, state: RolloutState) -> Finding | None:
        """Of two guards that began in one place before they heard of each other, the one with the higher id ends."""
        assert state.plan is not None
        rival = self._find_rival(state.plan)
        if rival is None or rival.rollout > state.rollout:
            return None
        return Finding(Verdict.STOPPED, f"gives way to {rival}")

    def _consider(self, state: RolloutState, policy: Policy) -> Judgement:
        assert state.plan is not None
        now_ms, people, assessed = self._control.log_time_ms, self._people, self._assess(state, state.plan)
        clock, parts = Clock(state.begun_ms, now_ms), partial(self._book.of_cohort, state.rollout)
        situation = Situation(
            phase=state.phase,
            held_for=state.verdict if state.phase is RolloutPhase.HELD else None,
            stale=self._find_stale(policy),
            exposed_s=(now_ms - max(state.begun_ms, state.budget_since_ms)) / 1000,
            overdue_s=(now_ms - state.expires_ms) / 1000,
            exposed=state.exposed,
            taken_back=state.taken_back,
            wave=state.wave,
            in_wave_s=(now_ms - state.wave_since_ms) / 1000,
            find_obstacle=partial(find_obstacle, state.plan, state.wave + 1, people, now_ms),
            find_doubt=partial(find_doubt, state, assessed, self._control.regressions.values()),
            switch=NEVER_PROMOTED if state.plan.rollout.drill else find_switch(people.stops),
            budgets=judge_spending(state.plan, state.periods, clock, parts, state.taken_back),
        )
        return judge(state.plan, assessed, situation)

    def _mark_periods(self, state: RolloutState) -> RolloutState:
        """Note what error budgets had spent when their present period began."""
        assert state.plan is not None
        clock = Clock(state.begun_ms, self._control.log_time_ms)
        periods = mark_periods(state.plan, state.periods, clock, partial(self._book.of_cohort, state.rollout))
        return state if periods == state.periods else state.model_copy(update={"periods": periods})

    def _assess(self, state: RolloutState, plan: Plan) -> list[Assessed]:
        """Every cohort's assessment; only those with new evidence are made anew."""
        known = self._assessed.setdefault(state.rollout, {})
        for cohort in plan.cohorts:
            if cohort not in known:
                parts = self._book.of_cohort(state.rollout, cohort)
                known[cohort] = assess_cohort(plan, measure_cohort(plan, cohort, parts, state.counted_step))
        return [known[cohort] for cohort in plan.cohorts]

    def _decide(
        self,
        state: RolloutState,
        judgement: Judgement,
        finding: Finding,
        policy: Policy,
        outbox: Outbox,
        order: OrderDocument | None = None,
    ) -> None:
        """Write the decision, then what it wants, then the leases: of what ends, and of what goes on."""
        assert state.plan is not None
        moved = move(state, finding, self._control.log_time_ms, order)
        if finding.verdict is not Verdict.BEGIN:
            moved = moved.model_copy(update={"health": judgement.health})
        people = self._people
        signed = find_approvers(state.plan, moved.wave, people)
        marked = judgement._replace(marks=judgement.marks or self._find_marks(state.rollout))
        targets = [(entry.target.tenant, entry.target.workflow) for entry in state.plan.rollout.targets]
        configuration = self._control.overrides.digest(targets)
        decision = persist.write_decision(moved, marked, finding, signed, configuration, outbox)
        if find_switch(people.stops) is None:
            manifest = people.releases.get(state.plan.rollout.candidate)
            persist.write_intents(state, moved, decision, manifest, outbox)
        if moved.lease != state.lease and state.phase is RolloutPhase.EXPOSING:
            moved = self._end_former_lease(state, moved, policy, outbox)
        self._keep(persist.write_lease(moved, policy.times, outbox))
        if moved.counted_step != state.counted_step or decision.phase in ENDED:
            self._assessed.pop(state.rollout, None)
        if decision.phase in ENDED:
            self._book.forget(state.rollout)

    def _end_former_lease(
        self, state: RolloutState, moved: RolloutState, policy: Policy, outbox: Outbox
    ) -> RolloutState:
        former = moved.model_copy(update={"lease_epoch": state.lease_epoch, "phase": RolloutPhase.ROLLED_BACK})
        ended = persist.write_lease(former, policy.times, outbox)
        return moved.model_copy(update={"renewal": ended.renewal})

    def _find_marks(self, rollout: str) -> tuple[tuple[int, int], ...]:
        """The newest mark of each source's evidence."""
        marks: dict[int, int] = {}
        for evidence in self._book.of_rollout(rollout):
            marks[evidence.source_partition] = max(evidence.mark, marks.get(evidence.source_partition, 0))
        return tuple(sorted(marks.items()))

    def _find_stale(self, policy: Policy) -> list[int]:
        timeout_ms = round(policy.times.source_timeout_s * 1000)
        return self._sources.find_stale(self._control.log_time_ms, timeout_ms, self._control.missing)

    def _keep(self, state: RolloutState) -> None:
        if self.states.get(state.rollout) != state:
            self.restore(state)
            self.changed.add(state.rollout)
