"""When rollouts exposed whom, and how they ended: the timeline that alarms are held against."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from homeostat.detectors.frames import frame, unframe
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.decision import Decision, GuardrailVerdict, Health, Verdict
from homeostat.schemas.rollout import ENDED, RolloutPhase
from homeostat.schemas.trace import Arm

_STATE_VERSION = 2
_MAX_HARMED = 64
_HARMFUL = frozenset({Verdict.HARMFUL, Verdict.OVER_BUDGET, Verdict.REGRESSED, Verdict.NEVER, Verdict.LOW_YIELD})


@dataclass
class RolloutTimeline:
    """One rollout's exposure in log time; None for what has not happened, or was not seen.

    `harmed` are the candidate's cohorts that the guard found harmed, as far as there is room. `concluded` says that
    triage has closed its event; alarms that still come are counted in `after_end`.
    """

    rollout: str
    step: int = 0
    began_ms: int | None = None
    ended_ms: int | None = None
    phase: RolloutPhase = RolloutPhase.PENDING
    verdict: str = ""
    deciding: list[str] = field(default_factory=list)
    candidate: str = ""
    control: str = ""
    reason: str = ""
    harmed: list[Cohort] = field(default_factory=list)
    concluded: bool = False
    after_end: int = 0

    def take(self, decision: Decision) -> None:
        """Move on to a later step; an earlier one changes nothing."""
        if decision.step <= self.step:
            return
        self.step, self.phase, self.verdict = decision.step, decision.phase, decision.verdict.value
        self.deciding, self.reason = list(decision.deciding), decision.reason
        self.candidate, self.control = decision.candidate, decision.control
        self.harmed = list_harmed(decision) or self.harmed
        if decision.phase is RolloutPhase.EXPOSING:
            self.began_ms = decision.log_time_ms if self.began_ms is None or self.ended_ms else self.began_ms
            self.ended_ms, self.concluded = None, False
        elif decision.phase in ENDED:
            self.ended_ms = decision.log_time_ms

    @property
    def taken_back(self) -> bool:
        """Whether exposure has ended without a promotion."""
        return self.phase in {RolloutPhase.ROLLED_BACK, RolloutPhase.LAPSED}

    @property
    def judged_harmful(self) -> bool:
        """Whether the guard found a guardrail worse than its tolerance, its yield's too, or what must never be."""
        return self.verdict in _HARMFUL

    def outlived_by(self, alarm_ms: int, window_ms: int) -> bool:
        """Whether an alarm on its candidate came longer after its end than sessions under way can explain."""
        return self.taken_back and self.ended_ms is not None and alarm_ms > self.ended_ms + window_ms

    def to_bytes(self) -> bytes:
        """Give framed JSON."""
        return frame(_ADAPTER.dump_json(self), _STATE_VERSION)

    @classmethod
    def from_bytes(cls, data: bytes) -> "RolloutTimeline":
        """Read what `to_bytes` gave. Raises `StateCorrupt`."""
        return _ADAPTER.validate_json(unframe(data, _STATE_VERSION))


_ADAPTER = TypeAdapter(RolloutTimeline)


def find_latest(rollouts: Iterable[str], timelines: Mapping[str, RolloutTimeline]) -> str | None:
    """Give that of a cohort's rollouts which exposed it last: its candidate's alarms after the end carry no rollout."""
    begun = [(timelines[name].began_ms or 0, name) for name in rollouts if name in timelines]
    return max(begun, default=(0, None))[1]


def list_harmed(decision: Decision) -> list[Cohort]:
    """Where a guardrail is harmful, or one that decided over all cohorts together lies beyond its tolerance.

    What must never be may come next wherever the candidate was given: all cohorts that were judged are concerned.
    """
    everywhere = decision.verdict is Verdict.NEVER
    rows = [row for row in decision.guardrails if everywhere or _is_harmed(row, decision)]
    places = {(row.tenant, row.specialty, row.workflow) for row in rows}
    return [name_leaf(*place) for place in sorted(places)[:_MAX_HARMED]]


def _is_harmed(row: GuardrailVerdict, decision: Decision) -> bool:
    decides = decision.verdict in _HARMFUL and row.signal in decision.deciding
    beyond = row.mean_difference is not None and row.mean_difference > row.tolerance
    return row.health is Health.HARMFUL or (decides and beyond)


def name_leaf(tenant: str, specialty: str, workflow: str) -> Cohort:
    """The candidate's leaf at a place."""
    return Cohort(layer=Layer.LEAF, tenant=tenant, specialty=specialty, workflow=workflow, arm=Arm.CANDIDATE)
