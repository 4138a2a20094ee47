"""The signals of a billing runtime: it reads a signed note, codes it, and prepares the claim."""

from homeostat.schemas.registries.every_runtime import (
    FEEDBACK_AGE_S,
    OPERATIONS,
    complaints,
    habit_signal,
    input_signal,
    never_signal,
    outcome_signal,
    output_signal,
    patient_mix,
    payers,
    quality_reading,
    retrieved,
    safety_signal,
    session_yield,
    sketch,
    steps_signal,
    tool_costs,
)
from homeostat.schemas.signal import Direction, Family, Kind, Role, SignalSpec, Source

STEPS = ("read-note", "propose-codes", "check-evidence", "check-payer-rules", "prepare-claim")
PAYER_AGE_S = 45 * FEEDBACK_AGE_S
"""Payers answer within 45 days, or it is no answer to this claim."""


def billing_signals() -> tuple[SignalSpec, ...]:
    """All signals of a billing runtime, guardrails first."""
    return (
        *_guardrails(),
        *_inputs(),
        *_outputs(),
        *_workflow(),
        *_safety(),
        *_outcomes(),
        *tool_costs(high=5.0),
    )


def _guardrails() -> tuple[SignalSpec, ...]:
    return (
        outcome_signal(
            name="edit_ratio",
            kind=Kind.BOUNDED,
            role=Role.GUARDRAIL,
            max_age_s=FEEDBACK_AGE_S,
            why="The share of the proposed codes that the coder changed: work that was not saved.",
        ),
        output_signal(
            name="unsupported_ratio",
            kind=Kind.BOUNDED,
            role=Role.GUARDRAIL,
            why="The share of the codes that nothing in the note supports: billing for what was not done.",
        ),
        output_signal(
            name="omission_ratio",
            kind=Kind.BOUNDED,
            role=Role.GUARDRAIL,
            why="The share of what was documented and may be billed that the claim leaves out.",
        ),
        SignalSpec(
            name="latency_s",
            family=Family.OPERATIONS,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            high=300.0,
            clip=True,
            owner=OPERATIONS,
            why="Seconds until the claim is ready, clipped at 300: .05 is 15 s of the clipped mean.",
        ),
        session_yield(),
    )


def _inputs() -> tuple[SignalSpec, ...]:
    return (
        input_signal(
            name="source_words",
            kind=Kind.POSITIVE,
            high=3000.0,
            why="The length of the note to be coded: a changed scribe or template upstream shows here.",
        ),
        input_signal(
            name="intake_completeness",
            kind=Kind.BOUNDED,
            why="The share of insurance and visit details that were filled in: what there was to work with.",
        ),
        payers(),
        input_signal(
            name="visit_type",
            kind=Kind.CATEGORICAL,
            tolerance=0.10,
            categories=("new", "follow-up", "telehealth", "procedure", "other"),
            why="What kind of visits are billed: each kind has its own codes and its own mistakes.",
        ),
        *patient_mix(),
        sketch("the note"),
        retrieved(),
    )


def _outputs() -> tuple[SignalSpec, ...]:
    return (
        output_signal(
            name="codes_per_claim",
            kind=Kind.COUNT,
            direction=Direction.BOTH,
            high=30.0,
            why="How many codes a claim has: more looks like overbilling, fewer leaves work unpaid.",
        ),
        output_signal(
            name="structure_score",
            kind=Kind.BOUNDED,
            direction=Direction.DOWN,
            why="The share of the claim's parts in the form that payers require: an early sign of rejections.",
        ),
        output_signal(
            name="completion_ratio",
            kind=Kind.BOUNDED,
            direction=Direction.DOWN,
            spread=True,
            why="How much of the claim is complete; watched for becoming erratic as well as for sinking.",
        ),
        output_signal(
            name="missing_questions",
            kind=Kind.COUNT,
            high=20.0,
            why="Questions to the clinician that the note's gaps required and nobody was asked.",
        ),
        output_signal(
            name="missing_warning",
            kind=Kind.BINARY,
            why="Whether a claim that needed an approval beforehand went on without saying so.",
        ),
    )


def _workflow() -> tuple[SignalSpec, ...]:
    return (
        steps_signal(
            name="checks_bypassed",
            source=Source.MISSING_STEPS,
            steps=STEPS,
            why="The share of the declared steps left out: codes that were not checked against the note.",
        ),
        steps_signal(
            name="steps_out_of_order",
            source=Source.STEP_ORDER,
            steps=STEPS,
            why="How often a step came too early: a claim prepared before its evidence was checked.",
        ),
        habit_signal(
            name="overridden",
            why="Whether the coder overrode the proposal as a whole: the product and the work disagree.",
        ),
        habit_signal(
            name="recoded_by_hand",
            why="Whether the coder coded the note from scratch elsewhere: people work round the product.",
        ),
        habit_signal(
            name="claim_abandoned",
            why="Whether the prepared claim was left lying: work that nobody finishes is not paid.",
        ),
    )


def _safety() -> tuple[SignalSpec, ...]:
    return (
        safety_signal(
            name="upcoded",
            limit=0.05,
            why="Whether a code claims more than the note says was done; more than 1 claim in 20 is never acceptable.",
        ),
        safety_signal(
            name="identity_unverified",
            limit=0.10,
            why="Whether the claim was prepared although patient and insurance did not match.",
        ),
        safety_signal(
            name="policy_violation",
            why="Whether the claim breaks a written rule of the clinic or the payer.",
        ),
        never_signal(
            name="payment_without_consent",
            why="A payment message left without the patient's consent: one is enough to stop.",
        ),
        never_signal(
            name="invented_diagnosis",
            why="The claim names a diagnosis that the note does not: one follows a patient for life.",
        ),
    )


def _outcomes() -> tuple[SignalSpec, ...]:
    return (
        outcome_signal(
            name="claim_denied",
            kind=Kind.BINARY,
            max_age_s=PAYER_AGE_S,
            owner=OPERATIONS,
            why="Whether the payer refused the claim: weeks later, and the plainest sign that coding went wrong.",
        ),
        outcome_signal(
            name="days_to_payment",
            kind=Kind.POSITIVE,
            high=90.0,
            max_age_s=PAYER_AGE_S,
            owner=OPERATIONS,
            why="Days until the claim was paid: payers look longer at claims that they doubt.",
        ),
        complaints(),
        quality_reading(),
    )
