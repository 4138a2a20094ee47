"""Examples of what becomes of decisions: at the leaf, by the guard."""

from homeostat.schemas.base import Message
from homeostat.schemas.effect import Aftermath, Effect, Outcome, SignalReturn, TargetEffect, WatchedSignal
from homeostat.schemas.escalation import Alternative, Escalation, EscalationKind
from homeostat.schemas.reasons import Refusal
from tests.golden.shared import AT_MS, CANDIDATE, CONTROL, INTENT, ROLLOUT, TARGET, WORK

SIGNAL = WatchedSignal(
    signal="omission_ratio", sessions=120, mean=0.11, baseline=0.1, tolerance=0.05, within=4.2, beyond=-3.1
)


def effect_examples() -> list[Message]:
    return [
        Aftermath(
            rollout=ROLLOUT,
            step=2,
            source_partition=3,
            mark=41,
            log_time_ms=AT_MS,
            tenant="clinic-a",
            specialty="cardiology",
            workflow="scribe",
            release=CANDIDATE,
            since_ms=AT_MS - 60_000,
            acknowledged_ms=AT_MS - 59_000,
            traces_before=7,
            traces_after=2,
            last_ms=AT_MS - 40_000,
            last_trace=WORK,
            sessions=130,
            signals=(SIGNAL,),
        ),
        Effect(
            rollout=ROLLOUT,
            revision=3,
            step=2,
            release=CANDIDATE,
            outcome=Outcome.RETURNED,
            final=True,
            targets=(
                TargetEffect(
                    target=TARGET,
                    outcome=Outcome.RETURNED,
                    acknowledged_ms=AT_MS - 59_000,
                    traces_before=7,
                    traces_after=2,
                    last_ms=AT_MS - 40_000,
                    last_trace=WORK,
                    signals=(
                        SignalReturn(specialty="cardiology", watched=SIGNAL, outcome=Outcome.RETURNED, needed=True),
                    ),
                    reason="gone for 600 s; omission_ratio 0.110 against 0.100 ± 0.05 (n=120 sessions) in cardiology",
                ),
            ),
            reason="1 of 1 targets returned",
            source_partition=0,
            mark=99,
            log_time_ms=AT_MS,
        ),
        Escalation(
            target=TARGET,
            kind=EscalationKind.NO_WAY_BACK,
            generation=7,
            resolved=True,
            refusal=Refusal.QUARANTINED_RELEASE,
            wanted=CANDIDATE,
            alternatives=(Alternative(release=CONTROL, title="BioBART, full notes"),),
            restated=2,
            intent=INTENT,
            since_ms=AT_MS - 120_000,
            reason="the release is quarantined at this target",
            source_partition=0,
            mark=99,
            log_time_ms=AT_MS,
        ),
    ]
