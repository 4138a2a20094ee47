"""Where a rollout stands now: phase, wave, every guardrail of every cohort, what it waits for and how long."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from homeostat.detectors.guard.assess import Assessed, Cell, assess_cohort
from homeostat.detectors.guard.doubts import find_doubt
from homeostat.detectors.guard.drill_gate import find_unproven_gateway
from homeostat.detectors.guard.evidence_book import CohortKey, EvidenceBook
from homeostat.detectors.guard.gates import find_approvers, find_obstacle, find_order, find_stopped, find_switch
from homeostat.detectors.guard.measure import measure_cohort
from homeostat.detectors.guard.plans import make_plan
from homeostat.detectors.guard.rollout_state import Plan, RolloutState
from homeostat.detectors.statistics.difference_interval import difference_interval
from homeostat.schemas.decision import BudgetSpent, Decision, Health, Verdict
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import ENDED, RolloutPhase
from homeostat.streams.rollouts.book import RolloutBook
from homeostat.streams.rollouts.budgets import BudgetReader
from homeostat.streams.rollouts.outlook import tell_outlook
from homeostat.streams.rollouts.signal_book import SignalBook

CELL_TITLES = (
    "cohort",
    "guardrail",
    "health",
    "pairs",
    "difference",
    "tolerance",
    "harm",
    "non-inferior",
    "until then",
)
LEVEL = 0.05
"""Intervals hold with probability 1 − LEVEL, for each guardrail of each cohort, however often one looks."""


class Seen(NamedTuple):
    """One guardrail in one cohort, with its interval and the seconds until it is non-inferior at the rate so far."""

    cell: Cell
    interval: tuple[float, float]
    until_s: float | None


class Standing(NamedTuple):
    """Everything that can be known of a rollout from the topics; `waits_for` is what keeps it where it is.

    `exposed` are the cohorts under judgement now, `doubt` why they would not be promoted though all were non-inferior.
    `outlook` says what cannot become conclusive in time, or of which no time can be given.
    """

    rollout: str
    plan: Plan
    policy: Policy
    last: Decision | None
    decisions: list[Decision]
    cohorts: list[Assessed]
    seen: list[Seen]
    evidence: EvidenceBook
    signals: SignalBook
    exposed: list[CohortKey]
    doubt: str | None
    waits_for: list[str]
    notes: list[str]
    now_ms: int = 0
    budgets: tuple[BudgetSpent, ...] = ()
    outlook: Sequence[str] = ()

    @property
    def phase(self) -> RolloutPhase:
        return RolloutPhase.PENDING if self.last is None else self.last.phase

    @property
    def wave(self) -> int:
        return 0 if self.last is None else self.last.wave


def find_standing(book: RolloutBook, rollout_id: str) -> Standing:
    """Put together what the topics say of one rollout. Raises `DocumentInvalid` where its documents are not there."""
    rollout, decisions = book.rollouts.get(rollout_id), book.decisions.get(rollout_id, [])
    last = decisions[-1] if decisions else None
    policy = book.policy_of(last)
    candidate = None if rollout is None else book.releases.get(rollout.candidate)
    if rollout is None or policy is None or candidate is None:
        missing = "its plan" if rollout is None else "the policy" if policy is None else "its candidate's manifest"
        raise DocumentInvalid(f"rollout {rollout_id}: {missing} is not on the broker")
    plan = make_plan(rollout, policy, candidate)
    ended = last is not None and last.phase in ENDED
    reader = BudgetReader(rollout_id, plan, decisions[0].log_time_ms if decisions else 0)
    gathered = book.gather_evidence(rollout_id, last if ended else None, reader.look)
    evidence, now_ms = gathered.evidence, gathered.newest_ms
    state = _state_of(rollout_id, plan, decisions)
    cohorts = [_assess(plan, state, evidence, cohort) for cohort in plan.cohorts]
    begun_ms = decisions[0].log_time_ms if decisions else now_ms
    elapsed_s = (now_ms - begun_ms) / 1000
    seen = [
        Seen(cell, _interval(each, at), _until_s(cell, elapsed_s))
        for each in cohorts
        for at, cell in enumerate(each.cells)
    ]
    outlook: list[str] = []
    if last is not None and last.phase is RolloutPhase.EXPOSING:
        exposed = [(each.cell, each.until_s) for each in seen if each.cell.cohort.cohort in state.exposed]
        outlook = tell_outlook(plan, exposed, elapsed_s)
    doubt = None if ended or last is None else find_doubt(state, cohorts, gathered.regressions.values())
    waits = [] if ended else _waits_for(book, plan, state, last, len(gathered.echoed), now_ms)
    waits += [] if doubt is None else [f"what is non-inferior is not promoted: {doubt}"]
    return Standing(
        rollout=rollout_id,
        plan=plan,
        policy=policy,
        last=last,
        decisions=decisions,
        cohorts=cohorts,
        seen=seen,
        evidence=evidence,
        signals=gathered.signals,
        exposed=[] if ended or last is None else state.exposed,
        doubt=doubt,
        waits_for=waits,
        notes=_notes(plan, last),
        now_ms=now_ms,
        budgets=reader.judge(evidence, now_ms, state.taken_back) if decisions else (),
        outlook=outlook,
    )


def _assess(plan: Plan, state: RolloutState, evidence: EvidenceBook, cohort: tuple[str, str, str]) -> Assessed:
    parts = evidence.of_cohort(state.rollout, cohort)
    return assess_cohort(plan, measure_cohort(plan, cohort, parts, state.counted_step))


def _state_of(rollout: str, plan: Plan, decisions: list[Decision]) -> RolloutState:
    """What the decisions say of the guard's state; the rest of it is not needed to look."""
    state = RolloutState(rollout=rollout, plan=plan)
    for before, decision in zip([None, *decisions], decisions, strict=False):
        counted = before is not None and before.share != decision.share and decision.phase is RolloutPhase.EXPOSING
        state = state.model_copy(
            update={
                "phase": decision.phase,
                "step": decision.step,
                "wave": min(decision.wave, len(plan.waves) - 1),
                "verdict": decision.verdict,
                "taken_back": tuple((tag.tenant, tag.specialty, tag.workflow) for tag in decision.taken_back),
                "settled": tuple((tag.tenant, tag.specialty, tag.workflow) for tag in decision.promoted),
                "counted_step": decision.step if counted else state.counted_step,
            }
        )
    return state


def _interval(cohort: Assessed, at: int) -> tuple[float, float]:
    measure = cohort.measure
    said = measure.guardrails[at]
    return difference_interval(measure.harmful[at], measure.non_inferior[at], said.pairs, said.tolerance, LEVEL)


def _until_s(cell: Cell, elapsed_s: float) -> float | None:
    """How long until it is non-inferior if pairs go on coming, and saying the same, as so far; None for unknown."""
    pairs, log_e = cell.measure.pairs, cell.log_e_non_inferior
    if log_e >= cell.limit_non_inferior:
        return 0.0
    if pairs == 0 or log_e <= 0 or elapsed_s <= 0 or cell.health in {Health.HARMFUL, Health.ERROR, Health.NO_DATA}:
        return None
    return elapsed_s * (cell.limit_non_inferior / log_e - 1)


def _waits_for(
    book: RolloutBook, plan: Plan, state: RolloutState, last: Decision | None, echoed: int, now_ms: int
) -> list[str]:
    people = book.people
    found = [] if (switch := find_switch(people.stops)) is None else [switch]
    if order := find_order(state, people):
        found.append(f"the guard has still to carry out: {order.body.order} by {order.body.author}")
    stopped = find_stopped(plan, people.stops, plan.cohorts)
    if stopped:
        found.append(f"an emergency stop covers {len(stopped)} of {len(plan.cohorts)} cohorts")
    following = 0 if last is None else state.wave + 1
    if following < len(plan.waves):
        obstacle = find_obstacle(plan, following, people, now_ms)
        found += [obstacle] if obstacle is not None and obstacle not in found else []
        signed = find_approvers(plan, following, people)
        found += [f"wave {following + 1} is signed by {', '.join(signed)}"] if signed else []
    if (
        last is None
        and book.policy is not None
        and (unproven := find_unproven_gateway(plan.rollout, book.policy, book.drills, now_ms))
    ):
        found.append(unproven)
    if last is None:
        return [*found, f"{echoed} source partitions have taken it over: it begins when all have"]
    if last.phase is RolloutPhase.PAUSED:
        return [*found, "a person resumes or aborts it"]
    if last.phase is RolloutPhase.HELD:
        return [*found, f"held: {last.reason}: a person resumes or aborts it"]
    if state.on_last_wave:
        return [*found, "every guardrail of every exposed cohort to be non-inferior: it is promoted then"]
    wave = plan.waves[state.wave]
    what = "to be non-inferior" if wave.settles else f"to have {wave.min_pairs} pairs without harm"
    return [*found, f"every guardrail of every exposed cohort {what}, and {wave.bake_s:g} s in this wave"]


def _notes(plan: Plan, last: Decision | None) -> list[str]:
    notes = []
    if last is not None and last.verdict is Verdict.UNPROVEN:
        notes.append("unproven: it was not shown safe within its budget; that is no finding of harm, and outside α")
    if last is not None and last.policy_digest != plan.policy_digest:
        notes.append(
            "the policy has changed since exposure began: limits and tolerances shown are the present policy's"
        )
    if last is not None and last.rollout_digest != plan.rollout_digest:
        notes.append(
            "the plan has been changed since exposure began: the guard goes on with the one that it began with"
        )
    return notes


def cell_rows(standing: Standing) -> list[tuple[str, ...]]:
    """The table of guardrails; evidence is log-e against its limit, in nats."""
    return [_row(seen) for seen in standing.seen]


def _row(seen: Seen) -> tuple[str, ...]:
    cell, measure = seen.cell, seen.cell.measure
    mean = "unknown" if measure.mean_difference is None else f"{measure.mean_difference:+.3f}"
    lower, upper = seen.interval
    return (
        "/".join(cell.cohort.cohort),
        measure.signal,
        str(cell.health),
        str(measure.pairs),
        f"{mean} [{lower:+.3f}, {upper:+.3f}]",
        f"{measure.tolerance:g}",
        f"{cell.log_e_harmful:.2f} of {cell.limit_harmful:.2f}",
        f"{cell.log_e_non_inferior:.2f} of {cell.limit_non_inferior:.2f}",
        say_duration(seen.until_s),
    )


def say_duration(seconds: float | None) -> str:
    """Seconds in words.

    >>> say_duration(None), say_duration(0.0), say_duration(90.0), say_duration(200_000.0)
    ('unknown', 'shown', '1.5 min', '2.3 days')
    """
    if seconds is None:
        return "unknown"
    if seconds == 0:
        return "shown"
    for size, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def to_json(standing: Standing) -> dict[str, Any]:
    """The same for programs."""
    return {
        "rollout": standing.rollout,
        "title": standing.plan.rollout.title,
        "strategy": standing.plan.rollout.strategy,
        "phase": standing.phase,
        "wave": standing.wave + 1,
        "waves": len(standing.plan.waves),
        "verdict": None if standing.last is None else standing.last.verdict,
        "reason": None if standing.last is None else standing.last.reason,
        "waits_for": standing.waits_for,
        "notes": standing.notes,
        "outlook": list(standing.outlook),
        "guardrails": [dict(zip(CELL_TITLES, row, strict=True)) for row in cell_rows(standing)],
        "budgets": [budget.model_dump(mode="json") for budget in standing.budgets],
        "decisions": [
            {"step": each.step, "verdict": each.verdict, "phase": each.phase, "reason": each.reason}
            for each in standing.decisions
        ],
    }
