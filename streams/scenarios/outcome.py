"""What the platform raised in a scenario: drift events as last stated, decisions, counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from homeostat.detectors.backtest import Topology
from homeostat.detectors.triage.timeline import list_harmed
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.dsse import read_envelope
from homeostat.schemas.headers import find_header
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import ALARMS, DECISIONS, DRIFT_EVENTS
from homeostat.streams.backtest.findings import count_refused


@dataclass(frozen=True)
class Raised:
    """One event: its last statement, when its first was made (log time, ms), and whom the guard found harmed."""

    event: DriftEvent
    first_ms: int
    judged: tuple[Cohort, ...] = ()

    @property
    def leaves(self) -> tuple[Cohort, ...]:
        """The leaf cohorts that it names; of one that the guard alone raised those of the guard's decision."""
        named = [change.cohort for change in self.event.changes if change.cohort.layer is Layer.LEAF]
        return tuple(named) if self.event.changes else self.judged

    @property
    def onset_ms(self) -> float:
        """The middle of its onset interval."""
        return (self.event.onset_from_ms + self.event.onset_to_ms) / 2


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario. `phases`: by rollout id, how it stood at the end."""

    raised: tuple[Raised, ...]
    phases: Mapping[str, RolloutPhase]
    decisions: tuple[Decision, ...]
    alarms: int
    refused: Mapping[str, int]


def collect_outcome(topology: Topology) -> Outcome:
    """Read what the stages wrote; events in the order of their first statements."""
    newest: dict[str, DriftEvent] = {}
    first: dict[str, int] = {}
    for record in topology.logs.records(DRIFT_EVENTS):
        event = parse_message(DriftEvent, record.value)[0]
        first.setdefault(event.event, event.log_time_ms)
        if event.event not in newest or event.revision >= newest[event.event].revision:
            newest[event.event] = event
    decisions = [
        parse_message(Decision, read_envelope(record.value)[1])[0]
        for record in topology.logs.records(DECISIONS)
        if record.value is not None
    ]
    latest = {decision.rollout: decision for decision in sorted(decisions, key=lambda decision: decision.step)}
    judged = {decision.rollout: tuple(list_harmed(decision)) for decision in decisions if list_harmed(decision)}
    raised = [Raised(event, first[key], judged.get(event.rollout or "", ())) for key, event in newest.items()]
    refused: dict[str, int] = {}
    for reasons in count_refused(topology.logs).values():
        for reason, count in reasons.items():
            refused[reason] = refused.get(reason, 0) + count
    return Outcome(
        raised=tuple(sorted(raised, key=lambda each: (each.first_ms, each.event.event))),
        phases={key: decision.phase for key, decision in latest.items()},
        decisions=tuple(decisions),
        alarms=sum(find_header(record.headers, CONTROL_HEADER) is None for record in topology.logs.records(ALARMS)),
        refused=refused,
    )
