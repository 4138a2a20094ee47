"""The port of a stage: what the live worker, the backtest and every test drive in the same way."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from homeostat.schemas.log import Output, Record


class Stage(Protocol):
    """The state of one stage for one partition: a pure function of that partition's log up to `next_offset`.

    Implementations are built empty, or from the state records that an earlier instance handed out:
    `restore(state_records)` on a new instance gives a stage whose further outputs and state bytes equal
    those of the instance that wrote them.
    """

    @property
    def next_offset(self) -> int:
        """The offset the stage expects next; 0 when it has seen nothing."""
        ...

    def restore(self, state_records: Mapping[bytes, bytes]) -> None:
        """Load a complete set of state records. Raises `StateCorrupt` on a bad frame."""
        ...

    def apply(self, records: Sequence[Record]) -> list[Output]:
        """Fold records in, in order; offsets rise but may have gaps (control records of a transaction, compaction)."""
        ...

    def drain_changes(self) -> list[tuple[bytes, bytes | None]]:
        """State records changed since the last call, sorted by key; None for one that no longer exists."""
        ...

    def state_records(self) -> dict[bytes, bytes]:
        """Every state record; what `restore` takes. Two equal states give equal bytes."""
        ...
