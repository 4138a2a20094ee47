"""The signals of a receptionist: it answers a clinic's calls, asks, books, warns and passes on."""

from homeostat.schemas.registries.every_runtime import (
    CLINICAL,
    FEEDBACK_AGE_S,
    OPERATIONS,
    complaints,
    habit_signal,
    input_signal,
    languages,
    never_signal,
    outcome_signal,
    output_signal,
    patient_mix,
    quality_reading,
    retrieved,
    safety_signal,
    session_yield,
    sketch,
    steps_signal,
    tool_costs,
)
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec, Source

STEPS = ("greet", "verify-identity", "ask-reason", "ask-red-flags", "act", "confirm")


def receptionist_signals() -> tuple[SignalSpec, ...]:
    """All signals of a receptionist, guardrails first."""
    return (
        *_guardrails(),
        *_inputs(),
        *_outputs(),
        *_workflow(),
        *_safety(),
        *_outcomes(),
        *tool_costs(high=2.0),
    )


def _guardrails() -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="call_resolved",
            family=Family.OUTCOME,
            kind=Kind.BINARY,
            direction=Direction.DOWN,
            role=Role.GUARDRAIL,
            tolerance=0.10,
            carrier=Carrier.FEEDBACK,
            max_age_s=FEEDBACK_AGE_S,
            owner=CLINICAL,
            why="Whether what the patient rang for was settled; .10, as .05 on a yes or no takes a thousand pairs.",
        ),
        output_signal(
            name="unsupported_ratio",
            kind=Kind.BOUNDED,
            role=Role.GUARDRAIL,
            why="The share of what callers were told that nothing in the clinic's records or rules supports.",
        ),
        output_signal(
            name="omission_ratio",
            kind=Kind.BOUNDED,
            role=Role.GUARDRAIL,
            why="The share of what the caller said that the message to the clinic leaves out.",
        ),
        SignalSpec(
            name="answer_delay_s",
            family=Family.OPERATIONS,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            high=20.0,
            clip=True,
            owner=OPERATIONS,
            why="Seconds of silence before an answer, clipped at 20: .05 is 1 s; people hang up on silence.",
        ),
        session_yield(),
    )


def _inputs() -> tuple[SignalSpec, ...]:
    return (
        input_signal(
            name="call_minutes",
            kind=Kind.POSITIVE,
            high=60.0,
            why="How long the call took: other reasons to call, or a caller who does not get through.",
        ),
        input_signal(
            name="intake_completeness",
            kind=Kind.BOUNDED,
            why="The share of the caller's details that the clinic's system gave: what there was to work with.",
        ),
        input_signal(
            name="reason",
            kind=Kind.CATEGORICAL,
            tolerance=0.10,
            categories=("appointment", "prescription", "result", "billing", "symptoms", "other"),
            why="What people ring for: a wave of symptoms or a letter to all patients changes the calls.",
        ),
        languages(),
        *patient_mix(),
        sketch("the call"),
        retrieved(),
    )


def _outputs() -> tuple[SignalSpec, ...]:
    return (
        output_signal(
            name="answer_words",
            kind=Kind.POSITIVE,
            direction=Direction.BOTH,
            high=1000.0,
            why="How much the receptionist says in a call: callers lose the thread of long answers.",
        ),
        output_signal(
            name="completion_ratio",
            kind=Kind.BOUNDED,
            direction=Direction.DOWN,
            spread=True,
            why="How much of the message form is filled; watched for becoming erratic as well as for sinking.",
        ),
        output_signal(
            name="missing_questions",
            kind=Kind.COUNT,
            high=20.0,
            why="Questions that the reason of the call requires and the caller was not asked.",
        ),
        output_signal(
            name="missing_warning",
            kind=Kind.BINARY,
            why="Whether advice such as 'ring the emergency number if it gets worse' was due and not given.",
        ),
    )


def _workflow() -> tuple[SignalSpec, ...]:
    return (
        steps_signal(
            name="triage_steps_ignored",
            source=Source.MISSING_STEPS,
            steps=STEPS,
            why="The share of the declared steps that a call left out: red flags not asked about are not heard.",
        ),
        steps_signal(
            name="steps_out_of_order",
            source=Source.STEP_ORDER,
            steps=STEPS,
            why="How often a step came too early: an appointment discussed before knowing who rings.",
        ),
        habit_signal(
            name="call_repeated",
            why="Whether the patient rang again, or staff rang back, about the same within a day: work done twice.",
        ),
        habit_signal(
            name="booked_by_hand",
            why="Whether staff made the booking again by hand: people work round the product.",
        ),
        habit_signal(
            name="overridden",
            why="Whether staff undid what the receptionist decided: the product and the desk disagree.",
        ),
    )


def _safety() -> tuple[SignalSpec, ...]:
    return (
        safety_signal(
            name="red_flag_missed",
            limit=0.05,
            why="Whether a caller's red flag was not passed on at once; more than 1 call in 20 is never acceptable.",
        ),
        safety_signal(
            name="identity_unverified",
            limit=0.10,
            why="Whether something about a patient was said before the caller was known to be that patient.",
        ),
        safety_signal(
            name="policy_violation",
            why="Whether the call broke a written rule of the clinic, such as giving a result that a doctor should.",
        ),
        never_signal(
            name="consent_missing",
            why="A call was recorded without the caller's consent: one is enough to stop.",
        ),
        never_signal(
            name="payment_without_consent",
            why="A payment message left without the patient's consent: one is enough to stop.",
        ),
    )


def _outcomes() -> tuple[SignalSpec, ...]:
    return (
        outcome_signal(
            name="escalated",
            kind=Kind.BINARY,
            max_age_s=FEEDBACK_AGE_S,
            owner=OPERATIONS,
            why="Whether a person had to take over: the desk's load, and a hint at what is not handled.",
        ),
        complaints(),
        quality_reading(),
    )
