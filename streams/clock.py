"""The one clock adapter: time enters the shell here and nowhere else."""

import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks of a machine, in ms: wall since the epoch, monotonic since anything."""

    def wall_ms(self) -> int: ...
    def mono_ms(self) -> int: ...


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Milliseconds of a clock that only runs forward."""
        return time.monotonic_ns() // 1_000_000
