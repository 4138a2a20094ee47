"""The scanner's tables for one plan: names of signals, their ranges, and the tenants by number."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from homeostat.detectors.leaf.arrays import ScanArrays
from homeostat.detectors.leaf.ids import number_tenant
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.scan_words import FIELDS, join_words
from homeostat.schemas.signal import Carrier, Source
from homeostat.schemas.signal_columns import categories_of


class ScanTables:
    """Builds the arrays that `scan_rows` reads; tenants are added as they are numbered."""

    def __init__(self, plan: Plan) -> None:
        names, starts = join_words(spec.name for spec in plan.named_by(Carrier.WORK))
        self._tenants = 0
        self._arrays = ScanArrays(
            signal_words=names,
            signal_starts=starts,
            first_column=np.array([len(plan.carried_by(Carrier.EXPOSURE))], np.int64),
            checked=np.array([not spec.clip for spec in plan.specs], np.uint8),
            low=np.array([spec.low for spec in plan.specs]),
            high=np.array([math.inf if spec.is_logarithmic else spec.high for spec in plan.specs]),
            absent=np.array([0.0 if spec.source is Source.RETRIEVAL_HITS else math.nan for spec in plan.specs]),
            bands=np.array(list(_find_bands(plan)), np.int64).reshape(-1, 2),
            part_of_hour=np.array(plan.part_of_hour, np.int64),
            tenant_words=np.zeros(1, np.uint8),
            tenant_starts=np.zeros(1, np.int64),
            tenant_numbers=np.zeros(0, np.int64),
            spans=np.zeros((FIELDS, 2), np.int64),
            next_field=np.zeros(FIELDS + 1, np.int64),
            length=np.zeros(FIELDS, np.int64),
        )

    def arrays_for(self, tenants: Sequence[str]) -> ScanArrays:
        """The arrays, knowing all tenants of the list, which only ever grows."""
        if len(tenants) != self._tenants:
            words, starts = join_words(tenants)
            numbers = np.array([number_tenant(tenant) for tenant in tenants], np.int64)
            self._arrays = self._arrays._replace(tenant_words=words, tenant_starts=starts, tenant_numbers=numbers)
            self._tenants = len(tenants)
        return self._arrays


def _find_bands(plan: Plan) -> Iterator[tuple[int, int]]:
    for spec in plan.policy.signals:
        if spec.source in {Source.AGE_BAND, Source.SEX_BAND}:
            yield plan.column[f"{spec.name}--{categories_of(spec)[0]}"], spec.source is Source.SEX_BAND
