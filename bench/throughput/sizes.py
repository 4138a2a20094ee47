"""How big a run is."""

from typing import NamedTuple


class Size(NamedTuple):
    """One input and how often it is read.

    `shift_from` is the first trace, counted over all partitions from 0, that the shift may touch. Log time passes as
    if `pace` traces came a second. `rounds` by system; a system that is slow may be read less often.
    """

    traces: int
    tenants: int
    shift_from: int
    rounds: int
    slow_rounds: int
    pace: int
    partitions: int = 4


SIZES = {
    "smoke": Size(traces=6_000, tenants=7, shift_from=3_300, rounds=2, slow_rounds=1, pace=500, partitions=1),
    "ci": Size(traces=48_000, tenants=61, shift_from=28_000, rounds=3, slow_rounds=1, pace=2_000),
    "full": Size(traces=300_000, tenants=287, shift_from=200_000, rounds=5, slow_rounds=2, pace=10_000),
}
SPECIALTIES = ("cardiology", "dermatology", "neurology", "oncology", "orthopedics", "pediatrics", "primary_care")
WORKFLOW = "scribe"
SHIFTED_SPECIALTY = "cardiology"
SHIFTED_SIGNAL = "unsupported_ratio"


def name_tenant(number: int) -> str:
    return f"clinic-{number:03d}"


def is_shifted(tenant: int, specialty: int) -> bool:
    """Whether a cohort's notes get worse: one specialty of every third tenant."""
    return tenant % 3 == 0 and SPECIALTIES[specialty] == SHIFTED_SPECIALTY
