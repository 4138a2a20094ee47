"""Examples of what guard, sequencer and gateways say."""

from homeostat.schemas.base import Message
from homeostat.schemas.command import Acknowledgement, AckOutcome, Barred, DesiredState, Exposure, Variant
from homeostat.schemas.decision import BudgetSpent, Decision, GuardrailVerdict, Health, LeafTags, SourceMark, Verdict
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.lease import Lease
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.rollout import Flag, Mode, RolloutPhase
from homeostat.schemas.served import Served, ServedExposure, ServedVariant
from homeostat.schemas.trace import OutputProperty
from tests.golden.shared import AT_MS, CANDIDATE, CONTROL, DECISION, INTENT, LEASE, MANIFEST, ROLLOUT, TARGET


def release_examples() -> list[Message]:
    exposure = Exposure(
        specialties=("cardiology",),
        rollout=ROLLOUT,
        step=1,
        candidate=CANDIDATE,
        manifest=MANIFEST,
        share=0.5,
        lease=LEASE,
        mode=Mode.SHADOW,
        flag=Flag(only_properties=(OutputProperty.REFERRAL,), except_properties=(OutputProperty.MEDICATION_CHANGE,)),
    )
    return [
        _decision(),
        Lease(
            lease=LEASE,
            rollout=ROLLOUT,
            step=1,
            renewal=4,
            phase=RolloutPhase.EXPOSING,
            evaluated_at_ms=AT_MS,
            expires_ms=AT_MS + 60_000,
            ttl_ms=60_000,
        ),
        Intent(
            intent=INTENT,
            target=TARGET,
            action=IntentAction.EXPOSE,
            author="guard",
            reason="echoed by 16 of 16 partitions",
            at_ms=AT_MS,
            rollout=ROLLOUT,
            step=1,
            specialties=("cardiology",),
            candidate=CANDIDATE,
            manifest=MANIFEST,
            share=0.5,
            lease=LEASE,
            decision=DECISION,
            lifts_quarantine=2,
        ),
        DesiredState(
            target=TARGET,
            generation=7,
            baseline=CONTROL,
            manifest=MANIFEST,
            exposures=(exposure,),
            variants=(Variant(specialties=("oncology",), release=CONTROL, manifest=MANIFEST),),
            barred=(Barred(release=CANDIDATE, specialties=("oncology",)),),
            disabled_tools=("send-message",),
            quarantine=("sha256:" + "33" * 32,),
            quarantine_version=2,
            configuration="sha256:" + "88" * 32,
            intent=INTENT,
            decision=DECISION,
            reason="echoed by 16 of 16 partitions",
            at_ms=AT_MS,
        ),
        Acknowledgement(
            gateway="gateway-1",
            target=TARGET,
            generation=7,
            state_digest="sha256:" + "44" * 32,
            outcome=AckOutcome.REFUSED,
            reason=Refusal.OLD_GENERATION,
            at_ms=AT_MS,
        ),
        Served(
            target=TARGET,
            generation=7,
            baseline=CONTROL,
            exposures=(
                ServedExposure(
                    specialties=("cardiology",), release=CANDIDATE, rollout=ROLLOUT, step=1, share=0.5, mode=Mode.SHADOW
                ),
            ),
            variants=(ServedVariant(specialties=("oncology",), release=CONTROL),),
            at_ms=AT_MS,
        ),
    ]


def _decision() -> Decision:
    verdict = GuardrailVerdict(
        tenant="clinic-a",
        specialty="cardiology",
        workflow="scribe",
        signal="omission_ratio",
        health=Health.HARMFUL,
        pairs=40,
        mean_difference=0.17,
        tolerance=0.05,
        log_e_harmful=6.1,
        limit_harmful=5.9,
        log_e_non_inferior=-3.2,
        limit_non_inferior=3.0,
    )
    return Decision(
        decision=DECISION,
        rollout=ROLLOUT,
        step=2,
        verdict=Verdict.HARMFUL,
        health=Health.HARMFUL,
        phase=RolloutPhase.ROLLED_BACK,
        share=0.0,
        wave=1,
        waves=3,
        exposed=(LeafTags(tenant="clinic-a", specialty="cardiology", workflow="scribe"),),
        taken_back=(LeafTags(tenant="clinic-a", specialty="oncology", workflow="scribe"),),
        promoted=(LeafTags(tenant="clinic-b", specialty="oncology", workflow="scribe"),),
        approved_by=("reviewer-1",),
        candidate=CANDIDATE,
        control=CONTROL,
        deciding=("omission_ratio",),
        guardrails=(verdict,),
        budgets=(
            BudgetSpent(
                signal="omission_ratio",
                rate=0.1,
                period_s=86_400.0,
                sessions=40,
                spent=11.0,
                burn_rate=2.75,
                left_ratio=-0.375,
                log_e=5.2,
                limit=4.6,
            ),
        ),
        sources=(SourceMark(source_partition=3, mark=41),),
        policy_digest="sha256:" + "11" * 32,
        rollout_digest="sha256:" + "22" * 32,
        configuration="sha256:" + "88" * 32,
        sessions=80,
        pairs=40,
        reason="omission_ratio +0.17 > 0.05 (n=40, e=4.5e2)",
        source_partition=0,
        mark=99,
        log_time_ms=AT_MS,
    )
