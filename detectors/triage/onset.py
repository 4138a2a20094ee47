"""When an event began: what the dated changes of one cause agree on."""

from collections.abc import Iterable
from typing import NamedTuple

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Layer
from homeostat.schemas.signal import Carrier


class Onset(NamedTuple):
    """The interval of the onset in log time, both ends inclusive."""

    from_ms: int
    to_ms: int


def date_onset(dated: Iterable[tuple[Alarm, Onset]], noticed_ms: int) -> Onset:
    """Date an event by the changes that may have begun together with the earliest one.

    The earliest is the one whose interval ends first; those whose intervals meet it are its companions, and the
    interval runs from the upper median of their beginnings to the lower median of their ends (for two: where they
    overlap). Leaves date better than parents, which know buckets only, and work better than feedback, which comes
    later: the others count only where there are none of these. What began after the event was noticed first
    (`noticed_ms`) does not date it. (0, 0) for nothing.
    """
    rows = [row for row in dated if row[1].from_ms <= noticed_ms]
    if not rows:
        return Onset(0, 0)
    of_leaves = [row for row in rows if row[0].cohort.layer is Layer.LEAF]
    of_work = [row for row in of_leaves if row[0].carrier is not Carrier.FEEDBACK]
    chosen = [onset for _, onset in of_work or of_leaves or rows]
    first = min(chosen, key=lambda onset: (onset.to_ms, onset.from_ms))
    near = [onset for onset in chosen if onset.from_ms <= first.to_ms and onset.to_ms >= first.from_ms]
    begins, ends = sorted(onset.from_ms for onset in near), sorted(onset.to_ms for onset in near)
    return Onset(begins[len(begins) // 2], ends[(len(ends) - 1) // 2])
