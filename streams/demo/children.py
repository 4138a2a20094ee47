"""Child processes of the demo: started with settings in their environment, watched, and ended in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from homeostat.schemas.errors import HomeostatError

_STOP_S = 12.0


class ChildEnded(HomeostatError):
    """A process of the demo ended before its time."""


class Child:
    """One child process; what it says goes to a file, except standard output if `pipe` is set."""

    def __init__(
        self, name: str, args: Sequence[str], env: Mapping[str, str], folder: Path, pipe: bool = False
    ) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._log: IO[bytes] = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *args],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipe else self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def check(self) -> None:
        """Raise `ChildEnded`, with the end of its log, if it no longer runs."""
        status = self.process.poll()
        if status is not None:
            last = self.log_path.read_text(errors="replace").strip().splitlines()[-3:]
            raise ChildEnded(f"{self.name} ended with status {status}: {' | '.join(last) or 'no output'}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        """Ask it to end, and see to it."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


class Children:
    """All of them; the last started ends first."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._env, self._folder = dict(env), folder
        self.all: list[Child] = []

    def start(self, name: str, *args: str, pipe: bool = False, **env: str) -> Child:
        """Start `python -m ARGS`; keyword arguments are further variables of its environment."""
        child = Child(name, args, {**self._env, **env}, self._folder, pipe)
        self.all.append(child)
        return child

    def check(self) -> None:
        """Raise `ChildEnded` for the first that has ended."""
        for child in self.all:
            child.check()

    def stop(self) -> None:
        """End them all."""
        for child in self.all:
            child.signal(signal.SIGTERM)
        for child in reversed(self.all):
            child.stop()
        self.all.clear()
