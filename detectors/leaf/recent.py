"""The recent sessions of a leaf cohort: the rings of its parts of the week, joined in the order of time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.ids import NumberedId, say_id


class Recent(NamedTuple):
    """Sessions of one lane, oldest first: their part's slot, when they began, ids, values [session, signal].

    Values are scaled to [0, 1], nan for none.
    """

    slots: Ints
    began_ms: Ints
    ids: Ints
    values: Floats

    def since(self, time_ms: int) -> "Recent":
        """Those that began at this time or later."""
        return self.among(self.began_ms >= time_ms)

    def among(self, chosen: NDArray[np.bool_]) -> "Recent":
        """Those that are chosen (bool [session])."""
        return Recent(self.slots[chosen], self.began_ms[chosen], self.ids[chosen], self.values[chosen])

    def names(self) -> list[str]:
        """Their ids, as far as they can be said."""
        said = (say_id(NumberedId(*row)) for row in self.ids.tolist())
        return [name for name in said if name is not None]


def read_recent(cohorts: CohortStore, leaf: int, lane: int, session_ms: int) -> Recent:
    """The sessions that the rings of a leaf's parts still hold; `leaf` is any of its slots."""
    rows = cohorts.arrays
    parts = [_read_part(cohorts, slot, lane, session_ms) for slot in rows.parts[leaf].tolist()]
    began_ms = np.concatenate([part.began_ms for part in parts])
    order = np.argsort(began_ms, kind="stable")
    return Recent(
        slots=np.concatenate([part.slots for part in parts])[order],
        began_ms=began_ms[order],
        ids=np.concatenate([part.ids for part in parts])[order],
        values=np.concatenate([part.values for part in parts])[order],
    )


def _read_part(cohorts: CohortStore, slot: int, lane: int, session_ms: int) -> Recent:
    rows = cohorts.arrays
    count, size = int(rows.ring_count[slot, lane]), rows.ring.shape[1]
    places = np.arange(max(0, count - size), count) % size
    fixed = rows.ring[slot, places]
    return Recent(
        slots=np.full(len(places), slot, np.int64),
        began_ms=rows.ring_ms[slot, lane, places] - session_ms,
        ids=rows.ring_id[slot, lane, places],
        values=np.where(fixed >= 0, fixed / VALUE_SCALE, np.nan),
    )
