"""Waiting in trials: on conditions, never for a time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LIMIT_S = 120.0
"""What a trial waits at most for anything: a machine under load takes half a minute to start a process."""
_PAUSE = threading.Event()


def wait_for(look: Callable[[], T | None], what: str, limit_s: float = LIMIT_S) -> T:
    """Look until there is something, and return it; fails with what was waited for."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {limit_s:g} s for {what}"
        _PAUSE.wait(0.05)
    return found
