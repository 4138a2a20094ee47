"""Every strategy to every ending on real Kafka, the guard and the gateway killed in every phase.

All courses run in one installation at once. Afterwards everything is compared with what the core, which nobody killed,
makes of the same inputs.
"""

import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from homeostat.infra.broker.local import LocalBroker
from homeostat.schemas.rollout import Strategy
from tests.builders.waiting import wait_for
from tests.chaos.course_checks import check_course
from tests.chaos.courses import COURSES, Course
from tests.chaos.faults import Running
from tests.chaos.oracle import Oracle
from tests.chaos.strategies_play import DECIDED, EVERY_POINT, Play
from tests.chaos.strategies_trial import LONG_TTL_S, StrategiesTrial, times_of
from tests.chaos.strikes import GATEWAY, GUARD, LIMIT_S, RESTING, UNDER_WAY, Strikes

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3600)]


def test_every_strategy_ends_as_it_should(
    kafka: LocalBroker, tmp_path: Path, fault_trials: str, capfd: pytest.CaptureFixture[str]
) -> None:
    begun_s = time.monotonic()
    trial = StrategiesTrial(kafka, tmp_path, COURSES)
    try:
        control = trial.worker("control")
        running = Running(trial, seed=1)
        trial.set_up(times=times_of(LONG_TTL_S))
        wait_for(lambda: len(trial.targets()) == 2 * len(COURSES), "every target to be served", LIMIT_S)
        play = Play(trial, running, control, EVERY_POINT if fault_trials == "full" else (DECIDED,))
        play.run()
        trial.stop_work()
        control.signal(signal.SIGSTOP)
        trial.settle()
        wait_for(lambda: trial.unsaid() == 0, "the gateway to have said everything", LIMIT_S)
        trial.watch.read()
        for course in COURSES:
            check_course(trial, course, trial.policy(LONG_TTL_S))
        check_moments(play.strikes, COURSES)
        found = Oracle(trial).compare()
        assert not found.wrong, f"{len(found.wrong)} differences, such as {found.wrong[:3]}; logs in {tmp_path}"
    finally:
        trial.close()
    with capfd.disabled():
        sys.stdout.write(
            f"\n{len(COURSES)} rollouts, {play.strikes.count} kills, {len(trial.sessions)} sessions, {found.outputs} "
            f"outputs, {found.repeats} repeats, in {time.monotonic() - begun_s:.0f} s\n"
        )


def check_moments(strikes: Strikes, courses: Sequence[Course]) -> None:
    """Both were killed at rest and in every step of every course."""
    for course in courses:
        wanted = {*RESTING, *UNDER_WAY}
        assert strikes.moments[GUARD, course] >= wanted, course.workflow
        # a shadow's next wave changes nothing that a gateway would have to do
        spared = {"advancing"} if course.strategy is Strategy.SHADOW else set()
        assert strikes.moments[GATEWAY, course] >= wanted - spared, course.workflow
