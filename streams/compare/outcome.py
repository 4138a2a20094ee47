"""What one policy made of a log: what it noticed and decided, and when."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from homeostat.schemas.canonical import digest_document
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Policy
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.topics import DECISIONS, DRIFT_EVENTS
from homeostat.streams.backtest.findings import read_signed
from homeostat.streams.backtest.run import Ran
from homeostat.streams.compare.rates import Rate


@dataclass(frozen=True)
class Noticed:
    """A drift event as last stated, and when it was first."""

    event: DriftEvent
    first_ms: int

    @property
    def subject(self) -> tuple[str, str, str]:
        """Scope, signal and direction of the gravest change: what the same event has under another policy too."""
        gravest = self.event.changes[:1]
        signal, direction = next(((change.signal, change.direction.value) for change in gravest), ("", ""))
        return self.event.scope.key, signal, direction


@dataclass(frozen=True)
class NullTrials:
    """Trials in which nothing changed. `why_none` says why there are none of a sort.

    `rollbacks` of re-randomised arms by rollout, and `pooled` over all; `alarms` in resampled blocks, with the most
    monitors that were running.
    """

    rollbacks: dict[str, Rate] = field(default_factory=dict)
    pooled: Rate | None = None
    alarms: Rate | None = None
    blocks: int = 0
    block_days: float = 0.0
    monitors: int = 0
    why_none: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """One policy's column."""

    name: str
    policy: Policy
    alarms: int
    noticed: list[Noticed]
    decisions: list[Decision]
    trials: NullTrials | None = None

    @property
    def digest(self) -> str:
        """The policy's digest."""
        return digest_document(self.policy)

    def ended(self) -> dict[str, Decision]:
        """The last decision of each rollout."""
        return {decision.rollout: decision for decision in self.decisions}


def outcome_of(name: str, policy: Policy, ran: Ran) -> Outcome:
    """Read what a run came to."""
    logs = ran.platform.topology.logs
    decisions = list(read_signed(logs.records(DECISIONS), Decision))
    return Outcome(name, policy, ran.alarms.count, list(_notice(ran)), decisions)


def is_rolled_back(ran: Ran) -> bool:
    """Whether any rollout was taken back."""
    decisions = read_signed(ran.platform.topology.logs.records(DECISIONS), Decision)
    return any(decision.phase is RolloutPhase.ROLLED_BACK for decision in decisions)


def _notice(ran: Ran) -> Iterator[Noticed]:
    first: dict[str, int] = {}
    newest: dict[str, DriftEvent] = {}
    for record in ran.platform.topology.logs.records(DRIFT_EVENTS):
        event = parse_message(DriftEvent, record.value)[0]
        first.setdefault(event.event, event.log_time_ms)
        newest[event.event] = event
    for name, event in sorted(newest.items(), key=lambda each: first[each[0]]):
        yield Noticed(event, first[name])
