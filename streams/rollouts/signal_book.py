"""What leaves say of the signals that do not decide: the newest of each source and cohort, added up over sources."""

from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.schemas.evidence import SignalDifference, SignalEvidence


class SignalBook:
    """One rollout's signals by cohort and source partition; the highest mark of a source says everything."""

    def __init__(self) -> None:
        self._said: dict[CohortKey, dict[int, SignalEvidence]] = {}

    def take(self, said: SignalEvidence) -> None:
        """Keep what is newer than what its source said before."""
        sources = self._said.setdefault((said.tenant, said.specialty, said.workflow), {})
        held = sources.get(said.source_partition)
        if held is None or said.mark > held.mark:
            sources[said.source_partition] = said

    def of_cohort(self, cohort: CohortKey) -> dict[str, SignalDifference]:
        """Each signal of a cohort that has had a session, over all sources; exact in any order."""
        parts: dict[str, list[SignalDifference]] = {}
        for said in self._said.get(cohort, {}).values():
            for name, difference in said.signals.items():
                parts.setdefault(name, []).append(difference)
        return {name: _add_up(of) for name, of in parts.items()}


def _add_up(parts: list[SignalDifference]) -> SignalDifference:
    fields = SignalDifference.model_fields
    return SignalDifference(**{name: sum(getattr(part, name) for part in parts) for name in fields})
