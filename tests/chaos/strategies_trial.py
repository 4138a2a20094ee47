"""One installation with many rollouts at once: documents, the work of the clinics, and where each course stands."""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.control import OrderKind, RolloutDocument
from homeostat.schemas.decision import Decision, Verdict
from homeostat.schemas.policy import Policy, Times
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import ENDED, Rollout, RolloutPhase
from homeostat.schemas.trace import Arm
from homeostat.streams.clock import SystemClock
from homeostat.streams.keys import load_trust
from homeostat.streams.rollouts.words import approve_plan
from tests.builders import documents
from tests.chaos.courses import EXCEPTED, LEAST_PAIRS, SPECIALTY, TENANTS, Course
from tests.chaos.installation import PARTITIONS
from tests.chaos.topic_watch import TopicWatch
from tests.integration.rollout_trial import ClinicsTrial, make_policy, release_entries

FEW_PAIRS, ENOUGH_PAIRS, HARM_PAIRS = LEAST_PAIRS, 40, 30
"""Undecided; surely non-inferior; surely harmful after a few that are fine."""
LONG_TTL_S, SHORT_TTL_S = 120.0, 8.0
_SESSIONS_A_LOOK = 4
_ARRIVED_S = 6.0
"""A session, the ticks after it, and the way of the evidence."""
_REVIEWER = "reviewer-1"
_HARM, _FINE = 0.9, 0.1

Place = tuple[Course, str]
"""A course and a tenant: one target."""


class Session(NamedTuple):
    """What the gateway gave to one session; `asked_ms` is the wall clock before it was asked."""

    place: Place
    asked_ms: int
    excepted: bool
    session: str
    answer: dict[str, Any]


class StrategiesTrial(ClinicsTrial):
    """Rollouts of many courses beside each other, in workflows of their own."""

    tenants = TENANTS

    def __init__(self, broker: LocalBroker, folder: Path, courses: Sequence[Course]) -> None:
        super().__init__(broker, folder, "strategies")
        self.courses = tuple(courses)
        self.workflows = tuple(course.workflow for course in courses)
        self.watch = TopicWatch(self.kafka, load_trust(self.keys.trust), PARTITIONS)
        self.sessions: list[Session] = []
        self.bodies: dict[Course, Rollout] = {}
        self._arms: dict[Place, Counter[str]] = defaultdict(Counter)
        self._fed_s: dict[Place, float] = defaultdict(float)

    def policy(self, ttl_s: float) -> Policy:
        """One guardrail, short sessions, and leases of this length."""
        return make_policy(dead_letters=self.keys.dead_letters, times=times_of(ttl_s))

    def apply_courses(self) -> None:
        """Publish every rollout."""
        found = self._read([*release_entries(), *(course.entry for course in self.courses)])
        by_id = {each.key: each.message.body for each in found if isinstance(each.message, RolloutDocument)}
        self.bodies = {course: by_id[course.rollout] for course in self.courses}
        self._send(found)

    def sign(self, waves: int) -> None:
        """A reviewer signs every plan up to so many waves."""
        at_ms = SystemClock().wall_ms()
        signed = [approve_plan(body, documents.CANDIDATE, _REVIEWER, waves, at_ms) for body in self.bodies.values()]
        self._send(signed, SignerRole.REVIEWER, _REVIEWER)

    def abort(self, courses: Collection[Course]) -> None:
        """An operator ends rollouts."""
        body = {"order": OrderKind.ABORT, "author": "ada", "reason": "superseded"}
        self._publish([{"kind": "order", "body": {"rollout": course.rollout, **body}} for course in courses])

    def shorten_leases(self) -> None:
        """An operator states the policy with leases that a trial can wait for."""
        self._publish([{"kind": "policy", "body": self.policy(SHORT_TTL_S).model_dump(mode="json")}])

    def last(self, course: Course) -> Decision | None:
        """The newest decision about a course."""
        found = self.watch.decisions[course.rollout]
        return found[-1] if found else None

    def exposed_places(self) -> list[Place]:
        """Targets that are given the candidate, as the newest decisions say."""
        decisions = {course: self.last(course) for course in self.courses}
        return [(course, tag.tenant) for course, last in decisions.items() if last is not None for tag in last.exposed]

    def feed(self, wanted: Mapping[Place, int], harmed: Collection[Course] = ()) -> bool:
        """A few sessions where pairs are lacking; whether none are.

        No more sessions begin than the pairs need, but for one at a time where they still lack when all were to be
        there: what is fine for too long would be promoted.
        """
        self.watch.read()
        lacking = [place for place, pairs in wanted.items() if self._pairs(place) < pairs]
        due = [place for place in lacking if self._fewest(place) < wanted[place] or self._is_late(place)]
        self.look(due, harmed)
        self._fed_s.update(dict.fromkeys(due, time.monotonic()))
        return not lacking

    def _is_late(self, place: Place) -> bool:
        """Whether the pairs of the last sessions would be there by now."""
        return time.monotonic() - self._fed_s[place] > _ARRIVED_S

    def look(self, places: Sequence[Place], harmed: Collection[Course] = ()) -> None:
        """A few sessions at each of these targets; the candidate omits much in some courses."""
        requests: list[dict[str, Any]] = [
            {"tenant": tenant, "workflow": course.workflow, "specialty": SPECIALTY, "properties": properties}
            for course, tenant in places
            for properties in ([EXCEPTED], *([[]] * _SESSIONS_A_LOOK))
        ]
        asked_ms = SystemClock().wall_ms()
        by_workflow = {course.workflow: course for course in self.courses}
        for first in range(0, len(requests), 500):
            batch = requests[first : first + 500]
            for request, answer in zip(batch, self.serve(batch), strict=True):
                course = by_workflow[request["workflow"]]
                self._take(course, asked_ms, request, answer, _HARM if course in harmed else _FINE)

    def _take(
        self, course: Course, asked_ms: int, request: dict[str, Any], answer: dict[str, Any], omission: float
    ) -> None:
        """Do the work, and, where a shadow runs beside it, the shadow's."""
        place, excepted = (course, request["tenant"]), bool(request["properties"])
        self.sessions.append(Session(place, asked_ms, excepted, request["session"], answer))
        arm, shadow = answer["arm"], answer["shadow"]
        self._arms[place][arm] += 1
        self.work(request, answer, omission if arm == Arm.CANDIDATE else _FINE)
        if shadow is not None:
            self._arms[place][Arm.CANDIDATE] += 1
            self.work(request, {**answer, **shadow, "arm": Arm.CANDIDATE}, omission)

    def _fewest(self, place: Place) -> int:
        return min(self._arms[place][Arm.CANDIDATE], self._arms[place][Arm.CONTROL])

    def _pairs(self, place: Place) -> int:
        return self.watch.pairs[place[0].rollout, place[1]]

    def is_settled(self, course: Course) -> bool:
        """Whether every target of a course has been told, and has done, what its newest decision wants."""
        last = self.last(course)
        return last is not None and all(self._is_obeyed(course, tenant, last) for tenant in TENANTS)

    def _is_obeyed(self, course: Course, tenant: str, decision: Decision) -> bool:
        states = self.watch.states[course.targets[tenant]]
        if not states or self.watch.applied[course.targets[tenant]] < states[-1].generation:
            return False
        exposed = tenant in {tag.tenant for tag in decision.exposed}
        promoted = tenant in {tag.tenant for tag in decision.promoted}
        banned = decision.verdict is Verdict.HARMFUL and not promoted
        return (
            [(each.rollout, each.specialties, each.share) for each in states[-1].exposures]
            == ([(course.rollout, (SPECIALTY,), decision.share)] if exposed else [])
            and states[-1].baseline == (decision.candidate if promoted else decision.control)
            and states[-1].quarantine == ((decision.candidate,) if banned else ())
        )

    def has_ended(self, course: Course) -> bool:
        """Whether a course is over, and every target has done what that asks of it."""
        last = self.last(course)
        return last is not None and last.phase in ENDED and self.is_settled(course)

    def close(self) -> None:
        self.watch.close()
        super().close()


def times_of(ttl_s: float) -> Times:
    """Short sessions, and leases of this length."""
    return documents.TIMES.model_copy(update={"lease_ttl_s": ttl_s})


def of_ending(courses: Sequence[Course], ending: RolloutPhase) -> list[Course]:
    """The courses with this ending."""
    return [course for course in courses if course.ending is ending]
