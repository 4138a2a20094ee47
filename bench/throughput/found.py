"""What a system reported: which monitor of which signal, at which trace."""

from dataclasses import dataclass, field
from typing import Any

from bench.throughput.sizes import SHIFTED_SIGNAL, SHIFTED_SPECIALTY, SPECIALTIES, is_shifted, name_tenant

LAYERS = ("leaf", "tenant", "specialty", "platform")


@dataclass(frozen=True)
class Report:
    """One alarm. `number` is the trace at which it was raised, counted over all partitions; cohort as `tags` gives."""

    layer: str
    tenant: str | None
    specialty: str | None
    signal: str
    number: int


@dataclass
class Book:
    """All alarms of a run."""

    reports: list[Report] = field(default_factory=list)

    def note(self, layer: str, tenant: str | None, specialty: str | None, signal: str, number: int) -> None:
        self.reports.append(Report(layer, tenant, specialty, signal, number))

    def judge(self, tenants: int, shift_from: int) -> dict[str, Any]:
        """When the shift was found, at which layers, in how many of its leaf cohorts; and all other alarms."""
        worse = {
            name_tenant(tenant) for tenant in range(tenants) if is_shifted(tenant, SPECIALTIES.index(SHIFTED_SPECIALTY))
        }
        hits = [report for report in self.reports if report.number >= shift_from and _holds_shift(report, worse)]
        first = min(hits, key=lambda report: report.number, default=None)
        return {
            "found": first is not None,
            "found_after_traces": None if first is None else first.number - shift_from,
            "found_at": None if first is None else first.layer,
            "after_traces_by_layer": {
                layer: min((hit.number - shift_from for hit in hits if hit.layer == layer), default=None)
                for layer in LAYERS
            },
            "leaves_found": len({hit.tenant for hit in hits if hit.layer == "leaf"}),
            "leaves_shifted": len(worse),
            "other_alarms": len(self.reports) - len(hits),
        }


def _holds_shift(report: Report, worse: set[str]) -> bool:
    """Whether the monitor's cohort holds traces that got worse, in the signal that did."""
    return (
        report.signal == SHIFTED_SIGNAL
        and report.tenant in {None, *worse}
        and report.specialty in {None, SHIFTED_SPECIALTY}
    )
