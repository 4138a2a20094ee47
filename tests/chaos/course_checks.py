"""What must hold of a course whatever was killed, from everything that was decided, stated, renewed and served."""

from collections.abc import Sequence

from homeostat.detectors.guard.plans import make_plan
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import DesiredState, Exposure
from homeostat.schemas.decision import Decision
from homeostat.schemas.lease import Lease
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import Mode, RolloutPhase, Strategy
from homeostat.schemas.trace import Arm
from homeostat.streams.client.gateway.arms import assign_candidate
from tests.builders import documents
from tests.chaos.courses import EAST, SPECIALTY, TENANTS, Course
from tests.chaos.strategies_trial import Session, StrategiesTrial
from tests.unit.detectors.guard.decision_checks import check_decision

CANDIDATE, CONTROL = documents.CANDIDATE_DIGEST, documents.CONTROL_DIGEST


def check_course(trial: StrategiesTrial, course: Course, policy: Policy) -> None:
    """Its decisions, what they made of its targets, and what its sessions got."""
    decisions = trial.watch.decisions[course.rollout]
    told = [f"{each.verdict}: {each.reason}" for each in decisions]
    assert [each.verdict for each in decisions] == course.verdicts, f"{course.workflow}: {told}"
    assert decisions[-1].phase is course.ending
    plan = make_plan(trial.bodies[course], policy, documents.CANDIDATE)
    assert {each.rollout_digest for each in decisions} == {digest_document(trial.bodies[course])}
    for number, decision in enumerate(decisions):
        check_decision(plan, decisions[number - 1] if number else None, decision, number + 1)
    for tenant in TENANTS:
        states = trial.watch.states[course.targets[tenant]]
        _check_states(course, tenant, states, {each.decision: each for each in decisions})
        _check_end(course, tenant, states[-1])
        sessions = [each for each in trial.sessions if each.place == (course, tenant)]
        for session in sessions:
            _check_session(course, session, states, trial)
        assert sessions[-1].answer["generation"] == states[-1].generation
    _check_leases([lease for renewals in trial.watch.leases.values() for lease in renewals], course)


def keeps_candidate(course: Course, tenant: str) -> bool:
    """Whether a target ends with the candidate for good: all of a promotion, and the tenant that came first."""
    first_is_settled = course.strategy is Strategy.TENANT_BY_TENANT and tenant == EAST
    return course.ending is RolloutPhase.PROMOTED or first_is_settled


def _check_states(course: Course, tenant: str, states: Sequence[DesiredState], decisions: dict[str, Decision]) -> None:
    """One desired state a generation, without a gap; each says what the decision that it names wants, no more."""
    assert [state.generation for state in states] == list(range(1, len(states) + 1))
    named = [state.decision for state in states if state.decision is not None]
    assert len(set(named)) == len(named), f"{course.workflow}: a decision was stated twice to {tenant}"
    for state in states:
        decision = None if state.decision is None else decisions[state.decision]
        exposed = decision is not None and tenant in {tag.tenant for tag in decision.exposed}
        assert len(state.exposures) == exposed
        for exposure in state.exposures:
            assert decision is not None
            assert (exposure.rollout, exposure.candidate) == (course.rollout, CANDIDATE)
            assert (exposure.specialties, exposure.share) == ((SPECIALTY,), decision.share)
            assert (exposure.mode is Mode.SHADOW) == (course.strategy is Strategy.SHADOW)
            assert (exposure.flag is not None) == (course.strategy is Strategy.FEATURE_FLAG)
        if state.baseline == CANDIDATE:
            assert decision is not None
            assert tenant in {tag.tenant for tag in decision.promoted}


def _check_end(course: Course, tenant: str, state: DesiredState) -> None:
    """Promoted or restored; what was harmful is banned where it was not promoted before."""
    kept = keeps_candidate(course, tenant)
    assert state.exposures == ()
    assert state.baseline == (CANDIDATE if kept else CONTROL)
    banned = course.ending is RolloutPhase.ROLLED_BACK and not kept
    assert state.quarantine == ((CANDIDATE,) if banned else ())


def _check_session(course: Course, session: Session, states: Sequence[DesiredState], trial: StrategiesTrial) -> None:
    """A session got what its desired state says; the candidate only by its share, its flag and a live lease."""
    answer = session.answer
    state = states[answer["generation"] - 1]
    arm = Arm(answer["arm"])
    if arm is not Arm.CANDIDATE:
        assert answer["release"] == state.baseline
    if arm is Arm.BASELINE:
        assert answer["rollout"] is None
        assert answer["shadow"] is None
        return
    (exposure,) = state.exposures
    assert (answer["rollout"], answer["step"]) == (exposure.rollout, exposure.step)
    assert not (session.excepted and course.strategy is Strategy.FEATURE_FLAG)
    _check_lease(session, exposure, trial.watch.leases[exposure.lease])
    if course.strategy is Strategy.SHADOW:
        assert arm is Arm.CONTROL
        assert answer["shadow"]["release"] == CANDIDATE
        return
    chosen = assign_candidate(course.rollout, session.session, exposure.share)
    assert arm is (Arm.CANDIDATE if chosen else Arm.CONTROL)
    if chosen:
        assert answer["release"] == CANDIDATE


def _check_lease(session: Session, exposure: Exposure, renewals: Sequence[Lease]) -> None:
    alive = [
        lease
        for lease in renewals
        if lease.phase is RolloutPhase.EXPOSING and session.asked_ms < lease.expires_ms - lease.skew_ms
    ]
    assert alive, f"{session.session} was of an exposure whose lease {exposure.lease} had lapsed"


def _check_leases(leases: Sequence[Lease], course: Course) -> None:
    """The last word on a lease is its end, and its numbers rise."""
    own = [lease for lease in leases if lease.rollout == course.rollout]
    assert [lease.renewal for lease in own] == sorted({lease.renewal for lease in own})
    phases = [lease.phase for lease in own]
    assert phases[-1] is course.ending
    assert set(phases[:-1]) == {RolloutPhase.EXPOSING}
