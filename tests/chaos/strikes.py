"""Kills of the guard's and the gateway's processes, and at which moments of which courses they came."""

import signal
from collections import defaultdict
from collections.abc import Iterable

from tests.chaos.courses import Course
from tests.chaos.faults import Running, await_killed
from tests.chaos.strategies_trial import StrategiesTrial

LIMIT_S = 300.0
"""What anything may take: a guard that comes back reads what it missed."""
GUARD, GATEWAY = "guard", "gateway"
RESTING = ("pending", "wave 1", "wave 2", "ended")
UNDER_WAY = ("beginning", "advancing", "ending")
"""After so many steps that every target has taken: nothing is asked for, or the next step is."""


class Strikes:
    """What was killed when. A step that was asked for is under way until every target has acknowledged it."""

    def __init__(self, trial: StrategiesTrial, running: Running) -> None:
        self._trial, self._running = trial, running
        self._asked: dict[Course, int] = dict.fromkeys(trial.courses, 0)
        self.moments: dict[tuple[str, Course], set[str]] = defaultdict(set)
        self.count = 0

    def ask(self, courses: Iterable[Course]) -> None:
        """From now on these courses have what their next step needs."""
        for course in courses:
            self._asked[course] += 1

    def kill_guard(self) -> None:
        """At this very moment; it stays down."""
        self._note(GUARD)
        self._running.kill("release")
        self.count += 1

    def start_guard(self, failpoint: str = "") -> None:
        """Start it again; with a failpoint wait until it has met it."""
        if failpoint:
            self._note(GUARD)
        worker = self._running.restart("release", failpoint and f"{failpoint}:kill")
        if failpoint:
            await_killed(worker, LIMIT_S)
            self._note(GUARD)
            self.count += 1

    def kill_gateway(self, failpoint: str = "") -> None:
        """At this very moment, and start it again, to die at a failpoint when it gets there."""
        self._note(GATEWAY)
        self._trial.end(self._running.gateway, signal.SIGKILL)
        self._running.restart_gateway(failpoint and f"{failpoint}:kill")
        self.count += 1

    def await_gateway(self) -> None:
        """Wait until it has met its failpoint, and start it again."""
        await_killed(self._running.gateway, LIMIT_S)
        self._note(GATEWAY)
        self._running.restart_gateway()
        self.count += 1

    def _note(self, victim: str) -> None:
        self._trial.watch.read()
        for course in self._trial.courses:
            self.moments[victim, course].add(self._moment(course))

    def is_through(self, course: Course) -> bool:
        """Whether a course has taken every step that was asked for."""
        return self._steps(course) >= self._asked[course]

    def _moment(self, course: Course) -> str:
        steps = self._steps(course)
        return RESTING[steps] if self.is_through(course) else UNDER_WAY[steps]

    def _steps(self, course: Course) -> int:
        """How many steps all targets have taken and acknowledged."""
        steps = len(self._trial.watch.decisions[course.rollout])
        return steps if self._trial.is_settled(course) else max(0, steps - 1)
