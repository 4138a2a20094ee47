"""Failpoints: armed by a text, passed for free otherwise, acting once."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from homeostat.streams import failpoints
from homeostat.streams.failpoints import ALL_FAILPOINTS, EXIT_STATUS, FailpointReached, FailpointUnknown, arm, hit

NAME = "txn.begun"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def test_names_are_distinct() -> None:
    assert len(set(ALL_FAILPOINTS)) == len(ALL_FAILPOINTS)


def test_unarmed_points_do_nothing() -> None:
    for name in ALL_FAILPOINTS:
        hit(name)
        assert not failpoints.is_armed(name)


def test_acts_at_the_counted_pass_and_only_once() -> None:
    arm(f"{NAME}:raise:3")
    hit(NAME)
    hit("apply.before")
    hit(NAME)
    assert failpoints.is_armed(NAME)
    with pytest.raises(FailpointReached, match=NAME):
        hit(NAME)
    hit(NAME)


@pytest.mark.parametrize("text", ["nowhere:kill", NAME, f"{NAME}:burn", f"{NAME}:kill:0", f"{NAME}:kill:soon"])
def test_refuses_what_is_no_point(text: str) -> None:
    with pytest.raises(FailpointUnknown, match="name:action"):
        arm(text)


@pytest.mark.parametrize(("action", "status"), [("kill", -signal.SIGKILL), ("exit", EXIT_STATUS)])
def test_ends_the_process(action: str, status: int) -> None:
    program = f"from homeostat.streams.failpoints import arm, hit; arm('{NAME}:{action}'); hit('{NAME}'); print('on')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert NAME in done.stderr
