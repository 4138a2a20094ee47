"""The recent sessions of a leaf cohort: the rings of its parts of the week, joined in the order of time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from homeostat.detectors.fixed_point import VALUE_SCALE, Floats
from homeostat.detectors.leaf.absence import TOLD_MS, WORKS
from homeostat.detectors.leaf.arrays import Ints
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.ids import HASHED, NumberedId, say_id
from homeostat.detectors.leaf.plan import FEEDBACK


class Recent(NamedTuple):
    """Sessions of one lane, oldest first: their part's slot, when they began, ids, values [session, signal].

    Values are scaled to [0, 1], nan for none. `sessions` is how many sessions a row stands for: 1, or the works of a
    bucket in the lane of a column of which absence means 0, whose time is then the middle of the bucket's.
    """

    slots: Ints
    began_ms: Ints
    ids: Ints
    values: Floats
    sessions: Ints

    def since(self, time_ms: int) -> "Recent":
        """Those that began at this time or later."""
        return self.among(self.began_ms >= time_ms)

    def among(self, chosen: NDArray[np.bool_]) -> "Recent":
        """Those that are chosen (bool [session])."""
        return Recent(
            self.slots[chosen], self.began_ms[chosen], self.ids[chosen], self.values[chosen], self.sessions[chosen]
        )

    def names(self) -> list[str]:
        """Their ids, as far as they can be said."""
        return _say(self.ids)


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
        sessions=np.concatenate([part.sessions for part in parts])[order],
    )


def split_told(cohorts: CohortStore, leaf: int, lane: int, since_ms: int) -> tuple[list[str], list[str]]:
    """Of the sessions that a column's feedback said 1 of, the names of those before a time and since, by their work."""
    slots = cohorts.arrays.parts[leaf].tolist()
    told = np.concatenate([cohorts.arrays.told[slot, lane - FEEDBACK - 1] for slot in slots])
    told = told[told[:, TOLD_MS] > 0]
    late = told[:, TOLD_MS] >= since_ms
    return _say(told[~late]), _say(told[late])


def _say(rows: Ints) -> list[str]:
    said = (say_id(NumberedId(*row[:3])) for row in rows.tolist())
    return [name for name in said if name is not None]


def _read_part(cohorts: CohortStore, slot: int, lane: int, session_ms: int) -> Recent:
    rows = cohorts.arrays
    count, size = int(rows.ring_count[slot, lane]), rows.ring.shape[1]
    places = np.arange(max(0, count - size), count) % size
    fixed, ids, sessions = rows.ring[slot, places], rows.ring_id[slot, lane, places], np.ones(len(places), np.int64)
    if lane > FEEDBACK:
        ids, sessions = np.full_like(ids, HASHED), ids[:, WORKS]
    return Recent(
        slots=np.full(len(places), slot, np.int64),
        began_ms=rows.ring_ms[slot, lane, places] - session_ms,
        ids=ids,
        sessions=sessions,
        values=np.where(fixed >= 0, fixed / VALUE_SCALE, np.nan),
    )
