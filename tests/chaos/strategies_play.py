"""All courses at once, step by step, with the guard and the gateway killed before, in and after every step."""

import signal
import time
from collections.abc import Callable, Sequence

from homeostat.schemas.rollout import RolloutPhase, Strategy
from homeostat.streams.demo.children import Child
from homeostat.streams.failpoints import ALL_FAILPOINTS
from tests.builders.waiting import wait_for
from tests.chaos.courses import TENANTS, Course
from tests.chaos.faults import Running
from tests.chaos.strategies_trial import (
    ENOUGH_PAIRS,
    FEW_PAIRS,
    HARM_PAIRS,
    SHORT_TTL_S,
    Place,
    StrategiesTrial,
    of_ending,
)
from tests.chaos.strikes import LIMIT_S, Strikes

DECIDED = "outputs.sent_some"
"""A decision is on its topic, and nothing that follows from it."""
EVERY_POINT = tuple(name for name in ALL_FAILPOINTS if not name.startswith(("revoke.", "stop.")))


class Play:
    """The courses of a trial from their documents to their ends; in every step the guard meets each of `points`."""

    def __init__(self, trial: StrategiesTrial, running: Running, control: Child, points: Sequence[str]) -> None:
        self._trial, self._control, self._points = trial, control, points
        self.strikes = Strikes(trial, running)
        self._lapsing = of_ending(trial.courses, RolloutPhase.LAPSED)
        self._others = [course for course in trial.courses if course not in self._lapsing]

    def run(self) -> None:
        """From pending to the end of every course."""
        trial = self._trial
        trial.apply_courses()
        self.strikes.kill_gateway("gateway.before_apply")
        self._step(trial.courses, lambda: trial.sign(waves=1))
        self._stand("gateway.applied_before_ack")
        self._feed(self._judged_places())
        self._step(trial.courses, lambda: trial.sign(waves=2))
        self._stand("gateway.before_apply")
        self._feed(self._judged_places(settled=False))
        self._step(self._others, self._end_courses)
        if self._lapsing:
            self._lapse()
        self.strikes.kill_guard()
        self.strikes.start_guard()
        self.strikes.kill_gateway()
        trial.look([(course, tenant) for course in trial.courses for tenant in TENANTS])

    def _stand(self, failpoint: str) -> None:
        """The gateway dies while nothing happens, and exposes again when it has heard of newer leases."""
        self.strikes.kill_gateway(failpoint)
        self._await_exposure()

    def _await_exposure(self) -> None:
        wanted = len(self._trial.exposed_places())
        wait_for(lambda: self._trial.exposed() == wanted, f"{wanted} targets to be exposed", LIMIT_S)

    def _step(self, courses: Sequence[Course], ask: Callable[[], None]) -> None:
        """The guard dies, what its next step needs happens, and it dies again deciding and while states are stated."""
        trial, strikes = self._trial, self.strikes
        strikes.kill_guard()
        ask()
        strikes.ask(courses)
        stated = self._count_states()
        for point in self._points:
            strikes.start_guard(point)
        strikes.start_guard()
        wait_for(lambda: self._count_states() > stated, "a desired state", LIMIT_S)
        strikes.kill_guard()
        strikes.start_guard()
        strikes.await_gateway()
        steps = {course: len(trial.watch.decisions[course.rollout]) for course in courses}
        wait_for(lambda: self._all_settled(courses), f"all of {steps} to have taken their step", LIMIT_S)

    def _all_settled(self, courses: Sequence[Course]) -> bool:
        self._trial.watch.read()
        return all(self.strikes.is_through(course) for course in courses)

    def _count_states(self) -> int:
        self._trial.watch.read()
        return sum(map(len, self._trial.watch.states.values()))

    def _judged_places(self, settled: bool = True) -> dict[Place, int]:
        """How many pairs everybody who is exposed gets: what a wave needs, but not what a promotion does."""
        settles = {course for course in self._trial.courses if course.strategy is Strategy.TENANT_BY_TENANT and settled}
        places = self._trial.exposed_places()
        return {place: ENOUGH_PAIRS if place[0] in settles else FEW_PAIRS for place in places}

    def _feed(self, wanted: dict[Place, int], harmed: Sequence[Course] = ()) -> None:
        wait_for(lambda: self._trial.feed(wanted, harmed), f"pairs of {len(wanted)} targets", LIMIT_S)

    def _end_courses(self) -> None:
        """Enough that is fine, harm, and orders; the guard hears of all of it later."""
        places = self._trial.exposed_places()
        promoted = {place: ENOUGH_PAIRS for place in places if place[0].ending is RolloutPhase.PROMOTED}
        harmed = of_ending(self._trial.courses, RolloutPhase.ROLLED_BACK)
        self._feed({**promoted, **{place: FEW_PAIRS + HARM_PAIRS for place in places if place[0] in harmed}}, harmed)
        self._trial.abort(of_ending(self._trial.courses, RolloutPhase.ABORTED))

    def _lapse(self) -> None:
        """Guard and control are gone until nobody is exposed, with another gateway too; then they are back."""
        trial, watch = self._trial, self._trial.watch
        trial.shorten_leases()
        self._stand("gateway.before_apply")
        newest = [states[-1] for states in watch.states.values()]
        leases = {exposure.lease for state in newest for exposure in state.exposures}

        def are_short() -> bool:
            watch.read()
            return all(watch.leases[lease][-1].ttl_ms == SHORT_TTL_S * 1000 for lease in leases)

        wait_for(are_short, "short leases", LIMIT_S)
        self._step(self._lapsing, self._await_lapse)

    def _await_lapse(self) -> None:
        trial, places = self._trial, self._trial.exposed_places()
        self._control.signal(signal.SIGSTOP)
        lapsed_s = time.monotonic() + SHORT_TTL_S
        wait_for(lambda: trial.exposed() == 0, "the leases to lapse", LIMIT_S)
        trial.look(places)
        self.strikes.kill_gateway("gateway.before_apply")
        trial.look(places)
        assert trial.exposed() == 0
        wait_for(lambda: time.monotonic() > lapsed_s, "the leases to lapse by the guard's clock too", LIMIT_S)
        self._control.signal(signal.SIGCONT)
