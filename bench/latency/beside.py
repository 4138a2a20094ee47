"""A process beside the one that watches: it makes everything ready, is told when to begin, and gives its result."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
J = TypeVar("J")
Prepare = Callable[[J], Callable[[int], T]]
"""From a job to what is run at a time on the monotonic clock, in ns; a function of a module."""
_READY_S, _RESULT_S = 180.0, 120.0
_SPAWN = multiprocessing.get_context("spawn")


class Beside(Generic[T]):
    """One process; a context manager that ends it."""

    def __init__(self, prepare: Prepare[Any, T], job: object) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(prepare, job, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.join()

    def wait_ready(self) -> None:
        """Raises TimeoutError when it does not get ready, EOFError when it has ended."""
        self._receive(_READY_S)

    def begin(self, start_ns: int) -> None:
        """Let it run from this time on."""
        self._pipe.send(start_ns)

    def result(self) -> T:
        """What it gives when it is done."""
        found: T = self._receive(_RESULT_S)
        return found

    def _receive(self, limit_s: float) -> Any:
        if not self._pipe.poll(limit_s):
            raise TimeoutError(f"a process of the benchmark said nothing for {limit_s:g} s")
        return self._pipe.recv()


def _serve(prepare: Prepare[Any, Any], job: object, pipe: Connection) -> None:
    run = prepare(job)
    pipe.send(None)
    pipe.send(run(pipe.recv()))
