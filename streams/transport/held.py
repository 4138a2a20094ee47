"""What a runner holds of a claimed partition, from its restore to its drop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from homeostat.detectors.stage import Stage
from homeostat.schemas.log import Output


@dataclass
class Held:
    """A restored state and all that was done since its last checkpoint.

    `position` is where the source has been read to; `epoch` the seek that its batches must carry; `committed` what
    the group was last told.
    """

    stage: Stage
    position: int
    generation: int
    epoch: int = 0
    committed: int = 0
    dirty: bool = False
    under_way: list[asyncio.Future[Any]] = field(default_factory=list)
    compacted: list[Output] = field(default_factory=list)

    def take_snapshot(self) -> "Snapshot":
        """Take what the next checkpoint saves; nothing may wait between reading and clearing."""
        taken = Snapshot(self.position, self.stage.drain_changes(), self.compacted, self.under_way)
        self.compacted, self.under_way, self.dirty = [], [], False
        return taken

    def keep(self, outputs: Sequence[Output], is_compacted: Callable[[str], bool]) -> list[Output]:
        """Keep compacted outputs for the transaction; give those that are sent at once."""
        self.dirty = True
        appended = [output for output in outputs if not is_compacted(output.topic)]
        if len(appended) < len(outputs):
            self.compacted += [output for output in outputs if is_compacted(output.topic)]
        return appended

    def let_go(self) -> None:
        """Look at what is still under way, so that nothing complains about an exception that nobody saw."""
        for future in self.under_way:
            future.add_done_callback(_look)


@dataclass(frozen=True)
class Snapshot:
    """One checkpoint's content."""

    position: int
    changes: list[tuple[bytes, bytes | None]]
    compacted: list[Output]
    under_way: list[asyncio.Future[Any]]


def _look(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
