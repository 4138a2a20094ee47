"""Alarms as leaves and parents would send them, and the harness that runs triage over them."""

from typing import Any

from homeostat.detectors.triage.stage import TriageStage
from homeostat.schemas.alarm import Alarm, Companion
from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.control import Review, ReviewDocument, ReviewVerdict, SealBaseline, SealBaselineDocument
from homeostat.schemas.decision import GuardrailVerdict, Health, Verdict
from homeostat.schemas.drift_event import DriftEvent
from homeostat.schemas.effect import Effect, Outcome
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.rollout import RolloutPhase
from homeostat.schemas.signal import Carrier, Direction, Family, Role
from homeostat.schemas.topics import ALARMS, DRIFT_EVENTS
from homeostat.schemas.trace import Arm
from tests.builders.documents import ROLLOUT_ID, START_MS, decision, document, policy, rollout
from tests.builders.keys import trust
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft

WINDOW_S = 120.0
PLATFORM = Cohort(layer=Layer.PLATFORM)
ROLLOUT = rollout()


def leaf(tenant: str = "tenant-1", arm: Arm = Arm.BASELINE, specialty: str = "cardiology") -> Cohort:
    return Cohort(layer=Layer.LEAF, tenant=tenant, specialty=specialty, workflow="scribe", arm=arm)


def alarm(number: int, cohort: Cohort | None = None, at_ms: int = START_MS, **fields: Any) -> Alarm:
    """A harmful rise of a guardrail from .2 to .4 over 100 sessions."""
    cohort = cohort or leaf()
    defaults: dict[str, Any] = {
        "alarm": derive_id("alarm", number),
        "signal": "edit_ratio",
        "family": Family.OUTCOME,
        "role": Role.GUARDRAIL,
        "direction": Direction.UP,
        "harmful": True,
        "evidence": 12_000.0,
        "threshold": 10_000.0,
        "observed": 0.4,
        "observed_sessions": 100,
        "baseline": 0.2,
        "bound": 0.22,
        "baseline_sessions": 200,
        "tolerance": 0.05,
        "onset_from_ms": at_ms,
        "onset_to_ms": at_ms + 1000,
        "rollout": ROLLOUT_ID if cohort.arm in {Arm.CANDIDATE, Arm.CONTROL} else None,
        "stage": "leaf",
        "source_partition": 0,
        "mark": number,
        "log_time_ms": at_ms,
    }
    return Alarm(cohort=cohort, **{**defaults, **fields})


def input_alarm(number: int, cohort: Cohort | None = None, **fields: Any) -> Alarm:
    """A rise of an input that is no guardrail."""
    moved = {"signal": "dialogue_length", "family": Family.INPUT, "role": Role.SIGNAL, "harmful": False}
    return alarm(number, cohort, **{**moved, **fields})


def moved_alarm(number: int, family: Family, cohort: Cohort | None = None, **fields: Any) -> Alarm:
    """The rise of a signal of a family; no guardrail, so that its harm is open."""
    named = {"signal": f"{family.value}-signal", "family": family, "role": Role.SIGNAL, "harmful": False}
    return alarm(number, cohort, **{**named, **fields})


def companion(signal: str, observed: float = 0.2, half: float = 0.02, **fields: Any) -> Companion:
    """A column that stood beside an alarm, steady at .2 ± .02 over 400 sessions unless the fields say otherwise."""
    defaults: dict[str, Any] = {
        "family": Family.OUTPUT,
        "role": Role.SIGNAL,
        "carrier": Carrier.WORK,
        "direction": Direction.UP,
        "tolerance": 0.05,
        "observed": observed,
        "low": max(0.0, observed - half),
        "high": min(1.0, observed + half),
        "sessions": 400,
        "baseline": 0.2,
        "bound_low": 0.19,
        "bound_high": 0.21,
    }
    return Companion(signal=signal, **{**defaults, **fields})


def seal(cohort: Cohort, number: int = 1) -> SealBaselineDocument:
    """An operator's decision to seal a new baseline for a cohort."""
    body = SealBaseline(cohort=cohort)
    return SealBaselineDocument(subject=f"seal/{number}", subject_version=1, at_ms=START_MS, body=body)


def review(event: str, trace_id: str, number: int = 1) -> ReviewDocument:
    """A reviewer's finding of harm in a work."""
    body = Review(event=event, trace_id=trace_id, verdict=ReviewVerdict.CONFIRMED, reviewer="reviewer-1")
    return ReviewDocument(subject=f"review/{number}", subject_version=1, at_ms=START_MS, body=body)


def draft(message: Alarm, index: int = 0) -> Draft:
    headers = output_headers(message.ce_type, message.stage, message.source_partition, message.mark, index)
    return Draft(b"platform", to_json(message), headers)


class Triage:
    """A log of alarms in the making and the stage that reads it."""

    def __init__(self, with_rollout: bool = True, **policy_fields: Any) -> None:
        self.log = Scenario(ALARMS)
        self.policy = policy(correlation_window_s=WINDOW_S, **policy_fields)
        self.log.begin(self.policy, [document(ROLLOUT)] if with_rollout else [])
        self.stage = TriageStage(0, 1, trust())
        self.outputs: list[Output] = []
        self.stated: list[DriftEvent] = []
        self.read()

    def read(self) -> list[DriftEvent]:
        """Apply what is new; gives the events stated."""
        outputs = self.stage.apply(self.log.log[self.stage.next_offset :])
        self.outputs += outputs
        stated = [parse_message(DriftEvent, output.value)[0] for output in outputs if output.topic == DRIFT_EVENTS]
        self.stated += stated
        return stated

    def alarm(self, message: Alarm) -> list[DriftEvent]:
        self.log.add(draft(message))
        return self.read()

    def tick(self, seconds: float = 1.0) -> list[DriftEvent]:
        self.log.tick(seconds)
        return self.read()

    def step(self, step: int, phase: RolloutPhase, **fields: Any) -> list[DriftEvent]:
        self.log.control(decision(ROLLOUT, step, phase, log_time_ms=self.log.now_ms, **fields))
        return self.read()

    def judge_harmful(self, step: int) -> list[DriftEvent]:
        """The guard rolls back because of omissions in the one cohort that is exposed."""
        cell = GuardrailVerdict(
            tenant="tenant-1",
            specialty="cardiology",
            workflow="scribe",
            signal="omission",
            health=Health.HARMFUL,
            pairs=40,
            mean_difference=0.2,
            tolerance=0.05,
            log_e_harmful=5.0,
            limit_harmful=3.0,
            log_e_non_inferior=-2.0,
            limit_non_inferior=3.0,
        )
        found = {"verdict": Verdict.HARMFUL, "deciding": ("omission",), "guardrails": (cell,)}
        return self.step(step, RolloutPhase.ROLLED_BACK, reason="omission is worse", **found)

    def effect(self, outcome: Outcome, final: bool = True, revision: int = 1, **fields: Any) -> list[DriftEvent]:
        """The guard says what became of the rollback."""
        reason = f"1 of 1 targets {outcome}"
        places: dict[str, Any] = {"source_partition": 0, "mark": 0, "log_time_ms": self.log.now_ms}
        said = {"rollout": ROLLOUT_ID, "step": 2, "release": ROLLOUT.candidate, "targets": (), "reason": reason}
        self.log.control(Effect(outcome=outcome, final=final, revision=revision, **{**said, **places, **fields}))
        return self.read()

    def expose(self) -> None:
        self.step(1, RolloutPhase.EXPOSING)
