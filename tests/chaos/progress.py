"""What an operator sees of a trial that takes half an hour: a line a fault, a line a comparison, a sum at the end."""

import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.oracle import Found
from tests.chaos.plan import KNOWN_FAILPOINTS, Planned


class Progress:
    """Counts faults and comparisons; `write` shows a line at once."""

    def __init__(self, total: int, write: Callable[[str], None]) -> None:
        self._total, self._write = total, write
        self._done: Counter[str] = Counter()
        self._comparisons = 0
        self._repeats = 0
        self._quiet_s = 0.0
        self._begun_s = self._last_s = time.monotonic()

    def begin(self) -> None:
        """The installation runs: what follows is the trial."""
        self._write(f"\n{self._total} faults; the installation is up after {self._take_lap():.0f} s")
        self._begun_s = self._last_s

    def pass_over(self) -> None:
        """Something that is no fault and no comparison has ended."""
        self._take_lap()

    def note_fault(self, planned: Planned) -> None:
        """A fault is over, and traffic goes on."""
        self._done[planned.name] += 1
        done = self._done.total()
        left_s = (time.monotonic() - self._begun_s) / done * (self._total - done)
        name = f"{planned.name} ({planned.role})" if planned.role else planned.name
        self._write(f"{done:3}/{self._total} {name:52} {self._take_lap():5.1f} s, about {left_s / 60:.0f} min left")

    def note_quiet(self) -> None:
        """Everything that was sent is read."""
        self._quiet_s = self._take_lap()

    def note_comparison(self, found: Found) -> None:
        """Everything was compared."""
        self._comparisons += 1
        self._repeats = found.repeats
        text = "exact" if not found.wrong else f"{len(found.wrong)} DIFFERENCES"
        self._write(
            f"        {text}: {sum(found.inputs.values())} records read, {found.outputs} outputs, {found.repeats} "
            f"repeats, {found.states} states; quiet in {self._quiet_s:.1f} s, compared in {self._take_lap():.1f} s"
        )

    def end(self) -> None:
        """The sum."""
        total_s = time.monotonic() - self._begun_s
        points = [times for name, times in self._done.items() if name in KNOWN_FAILPOINTS]
        self._write(
            f"{self._done.total()} faults: {len(points)} named failpoints, each {min(points, default=0)} times or more "
            f"({sum(points)} in all), and {self._done.total() - sum(points)} others; {self._comparisons} comparisons "
            f"without a difference, {self._repeats} repeats of outputs, all byte-identical; "
            f"{total_s // 60:.0f} min {total_s % 60:.0f} s"
        )

    def _take_lap(self) -> float:
        now_s = time.monotonic()
        lap_s, self._last_s = now_s - self._last_s, now_s
        return lap_s
