"""How many records one apply gets, how long a failed partition waits, and which offset keeps failing."""

from dataclasses import dataclass

_SLOW_S = 0.1
_FAST_S = 0.02
_SMALLEST = 16


@dataclass
class Pace:
    """The size of the slices a batch is applied in, so that the event loop is never blocked for long."""

    most: int
    size: int

    @classmethod
    def starting_at(cls, most: int) -> "Pace":
        return cls(most, most)

    def note(self, records: int, took_s: float) -> None:
        """Halve the size after a slow slice, double it after a fast full one."""
        if took_s > _SLOW_S:
            self.size = max(_SMALLEST, self.size // 2)
        elif took_s < _FAST_S and records >= self.size:
            self.size = min(self.most, self.size * 2)


@dataclass
class Backoff:
    """Waiting times that double from the first to the longest."""

    first_s: float = 0.1
    longest_s: float = 10.0
    _next_s: float = 0.0

    def next_s(self) -> float:
        wait_s = self._next_s or self.first_s
        self._next_s = min(self.longest_s, 2 * wait_s)
        return wait_s

    def reset(self) -> None:
        self._next_s = 0.0


@dataclass
class Suspect:
    """The offsets within which a stage's apply raised, and how often in a row.

    The first failure names a slice; the next time it is walked record by record, so the second names one offset.
    """

    low: int = 0
    high: int = -1
    times: int = 0

    def note(self, low: int, high: int) -> int:
        """Count a failure somewhere in low..high (inclusive); gives how often in a row it has failed there."""
        if self.times and low <= self.high and high >= self.low:
            self.low, self.high, self.times = max(low, self.low), min(high, self.high), self.times + 1
        else:
            self.low, self.high, self.times = low, high, 1
        return self.times

    def passed(self, offset: int) -> None:
        """Forget it once everything up to its end was applied."""
        if self.times and offset >= self.high:
            self.times = 0

    def slice_size(self, offset: int, size: int) -> int:
        """Give the size of the slice that begins at `offset`: one record inside the suspect range.

        >>> suspect = Suspect()
        >>> suspect.note(10, 19)
        1
        >>> [suspect.slice_size(offset, 100) for offset in (4, 10, 19, 20)]
        [6, 1, 1, 100]
        """
        if not self.times or offset > self.high:
            return size
        return 1 if offset >= self.low else min(size, self.low - offset)


@dataclass
class Stall:
    """Tells when a position has stood still below what was handed out for longer than the limit."""

    limit_s: float = 30.0
    _position: int = -1
    _since_s: float = 0.0

    def lasts(self, position: int, delivered: int, now_s: float) -> bool:
        """Tell whether it has; any progress, or nothing outstanding, starts the time anew."""
        if position != self._position or position >= delivered:
            self._position, self._since_s = position, now_s
        return now_s - self._since_s > self.limit_s
