"""CPU of this process: user and system time of all of its threads, as the kernel counts it."""

import resource
import time
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Reading:
    """Seconds: user and system time spent by the process so far, and the monotonic clock."""

    user_s: float
    system_s: float
    clock_s: float

    @classmethod
    def take(cls) -> Self:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(usage.ru_utime, usage.ru_stime, time.monotonic())


@dataclass
class Meter:
    """From the start of consuming to its end, and the same from the first record."""

    begun: Reading = field(default_factory=Reading.take)
    first: Reading | None = None
    ended: Reading | None = None

    def note_first(self) -> None:
        if self.first is None:
            self.first = Reading.take()

    def end(self) -> None:
        self.ended = Reading.take()

    def figures(self) -> dict[str, float]:
        """CPU from the start of consuming, wall time from the first record on: waiting for a group costs no core."""
        if self.first is None or self.ended is None:
            raise RuntimeError("nothing was consumed")
        return {
            "user_s": self.ended.user_s - self.begun.user_s,
            "system_s": self.ended.system_s - self.begun.system_s,
            "wall_s": self.ended.clock_s - self.first.clock_s,
        }
