"""What the demo has seen on the topics so far: evidence against its bounds, decisions, commands, acknowledgements."""

from dataclasses import dataclass, field

import numpy as np

from homeostat.detectors.statistics.mixture import mixture_log_e
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.decision import Decision
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.evidence import Evidence
from homeostat.schemas.rollout import ENDED, RolloutPhase
from homeostat.streams.simulator.plan import CANARIES, GATEWAY, WORKFLOW, Canary

Cell = tuple[str, str, str]
"""tenant, specialty, guardrail."""
Sums = tuple[tuple[int, ...], int, int]
"""Of one cell's newest evidence: log-e of harm by bet, pairs, and the sum of differences (2⁻²⁰)."""


@dataclass(frozen=True)
class Point:
    """Evidence of one guardrail in one cohort at one time: log-e in nats."""

    at_ms: int
    pairs: int
    harmful: float
    non_inferior: float
    mean: float


@dataclass
class CanaryView:
    """One canary as the screen shows it."""

    canary: Canary
    points: dict[Cell, list[Point]] = field(default_factory=dict)
    together: dict[str, list[Point]] = field(default_factory=dict)
    newest: dict[Cell, Sums] = field(default_factory=dict)
    begun: Decision | None = None
    ended: Decision | None = None
    exposes: dict[str, dict[int, bool]] = field(default_factory=dict)
    applied_ms: dict[str, dict[int, int]] = field(default_factory=dict)

    def add_up(self, guardrail: str, at_ms: int) -> None:
        """One more point of a guardrail over all cohorts: log-e of harm added bet by bet."""
        rows = [sums for (_, _, name), sums in self.newest.items() if name == guardrail]
        pairs = sum(row[1] for row in rows)
        mean = sum(row[2] for row in rows) / 2**20 / pairs if pairs else 0.0
        harmful = mixture_log_e(np.sum([row[0] for row in rows], axis=0, dtype=np.int64))
        weakest = min(points[-1].non_inferior for (_, _, name), points in self.points.items() if name == guardrail)
        self.together.setdefault(guardrail, []).append(Point(at_ms, pairs, harmful, weakest, mean))

    @property
    def targets(self) -> list[str]:
        return [f"{GATEWAY}/{tenant}/{WORKFLOW}" for tenant in self.canary.tenants]

    @property
    def phase(self) -> RolloutPhase:
        if self.ended is not None:
            return self.ended.phase
        return RolloutPhase.EXPOSING if self.begun is not None else RolloutPhase.PENDING

    @property
    def acked_ms(self) -> dict[str, int]:
        """By target, when it acknowledged the state that took the exposure off; topics may be read in any order."""
        found: dict[str, int] = {}
        for target, states in self.exposes.items():
            exposing = [generation for generation, exposes in states.items() if exposes]
            ends = [generation for generation in states if exposing and generation > max(exposing)]
            times = [
                at for generation, at in self.applied_ms.get(target, {}).items() if ends and generation >= min(ends)
            ]
            if times:
                found[target] = min(times)
        return found

    @property
    def acked(self) -> bool:
        """Whether it has ended and every target has acknowledged the desired state that the end led to."""
        return self.ended is not None and set(self.acked_ms) == set(self.targets)

    @property
    def right(self) -> bool:
        """Whether it ended as it had to, with the signal named that had to be, and everywhere acknowledged."""
        if self.ended is None or not self.acked or self.phase.value != self.canary.outcome.value:
            return False
        return self.canary.must_name is None or self.canary.must_name in self.ended.deciding


class Board:
    """Folds messages, in any order; everything shown and summed up is read from here."""

    def __init__(self) -> None:
        self.views = {canary.rollout: CanaryView(canary) for canary in CANARIES}
        self.alarms: list[Alarm] = []
        self.events: dict[str, DriftEvent] = {}
        self.lines: list[tuple[int, str]] = []
        self.records = 0

    def take_evidence(self, evidence: Evidence) -> None:
        """Add one point a guardrail."""
        view = self.views.get(evidence.rollout)
        if view is None:
            return
        for name, sums in evidence.guardrails.items():
            mean = sums.sum_d / 2**20 / sums.pairs if sums.pairs else 0.0
            harmful, non_inferior = (
                mixture_log_e(np.array(row, np.int64)) for row in (sums.harmful, sums.non_inferior)
            )
            point = Point(evidence.log_time_ms, sums.pairs, harmful, non_inferior, mean)
            cell = (evidence.tenant, evidence.specialty, name)
            view.points.setdefault(cell, []).append(point)
            view.newest[cell] = (sums.harmful, sums.pairs, sums.sum_d)
            view.add_up(name, evidence.log_time_ms)

    def take_decision(self, decision: Decision, at_ms: int) -> None:
        """Note a rollout's begin or end."""
        view = self.views.get(decision.rollout)
        if view is None:
            return
        if decision.phase in ENDED:
            view.ended = decision
        elif view.begun is None:
            view.begun = decision
        self.lines.append((at_ms, f"{view.canary.name}: {decision.verdict.value} — {decision.reason}"))

    def take_state(self, state: DesiredState) -> None:
        """Note which rollouts a generation of a target exposes."""
        for view in self.views.values():
            if state.target.key in view.targets:
                exposes = any(exposure.rollout == view.canary.rollout for exposure in state.exposures)
                view.exposes.setdefault(state.target.key, {})[state.generation] = exposes

    def take_ack(self, ack: Acknowledgement, at_ms: int) -> None:
        """Note that a target has taken a generation over."""
        if ack.outcome is not AckOutcome.APPLIED:
            return
        for view in self.views.values():
            times = view.applied_ms.setdefault(ack.target.key, {})
            if ack.target.key in view.targets and ack.generation not in times:
                times[ack.generation] = at_ms
                self.lines.append((at_ms, f"{ack.target.key} acknowledged generation {ack.generation}"))

    def take_alarm(self, alarm: Alarm, at_ms: int) -> None:
        """Note an alarm."""
        self.alarms.append(alarm)
        text = f"alarm {alarm.signal} {alarm.observed:.3f} against {alarm.baseline:.3f} in {alarm.cohort.key}"
        self.lines.append((at_ms, text))

    def take_event(self, event: DriftEvent, at_ms: int) -> None:
        """Note a drift event, or its newer revision."""
        if event.event not in self.events:
            self.lines.append((at_ms, f"triage: {event.sentence}"))
        self.events[event.event] = event

    @property
    def over(self) -> bool:
        """Whether every canary has ended and every target has said so."""
        return all(view.acked for view in self.views.values())

    @property
    def right(self) -> bool:
        """Whether everything that should happen did."""
        return all(view.right for view in self.views.values())
