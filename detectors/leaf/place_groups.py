"""Slots for subgroups: made when the first session of a leaf and a band comes."""

from typing import Final

import numpy as np

from homeostat.detectors.leaf.arrays import FLAGS, KIND, ROW_WORK, SLOT, TIME, Ints
from homeostat.detectors.leaf.bands import AGES, BAND_FLAGS, BANDS, places_of
from homeostat.detectors.leaf.cohorts import CohortStore
from homeostat.detectors.leaf.leaf_key import LeafKey
from homeostat.detectors.leaf.plan import Plan
from homeostat.schemas.trace import Arm

MAX_GROUPS_OF_TENANT: Final = 256
"""Those of workflows beyond are not watched: a tenant names its workflows itself."""


def place_groups(rows: Ints, plan: Plan, cohorts: CohortStore) -> None:
    """Give each leaf of the batch's rows of work the slots of the bands that its sessions have."""
    watched = plan.arrays.groups
    if not watched.any():
        return
    work = rows[(rows[:, KIND] == ROW_WORK) & (rows[:, SLOT] >= 0) & (rows[:, FLAGS] & BAND_FLAGS > 0)]
    _, firsts = np.unique(np.stack([work[:, SLOT], work[:, FLAGS] & BAND_FLAGS]), axis=1, return_index=True)
    for leaf, flags, now_ms in work[np.sort(firsts)][:, [SLOT, FLAGS, TIME]].tolist():
        for place in places_of(flags):
            key = cohorts.keys[leaf]
            if (
                not watched[int(place >= AGES)]
                or key.arm is not Arm.BASELINE
                or cohorts.arrays.groups[leaf, place] >= 0
            ):
                continue
            group = LeafKey(key.tenant, BANDS[place], key.workflow, Arm.BASELINE)
            if group in cohorts.slots or cohorts.groups_of(key.tenant) < MAX_GROUPS_OF_TENANT:
                slot = cohorts.slot_of(group, now_ms)
                cohorts.arrays.groups[leaf, place] = slot


def link_groups(cohorts: CohortStore) -> None:
    """Point every leaf to the subgroups that there are of its workflow."""
    named = {key: slot for key, slot in cohorts.slots.items() if key.band and not key.part}
    known = {(key.tenant, key.workflow, key.band): slot for key, slot in named.items()}
    for key, leaf in cohorts.slots.items():
        if not (key.part or key.band) and key.arm is Arm.BASELINE:
            for place, band in enumerate(BANDS):
                cohorts.arrays.groups[leaf, place] = known.get((key.tenant, key.workflow, band), -1)
