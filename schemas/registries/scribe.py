"""The signals of an ambient scribe: it listens to a visit and drafts the note."""

from homeostat.schemas.registries.every_runtime import (
    FEEDBACK_AGE_S,
    PRODUCT,
    complaints,
    habit_signal,
    input_signal,
    languages,
    never_signal,
    output_signal,
    patient_mix,
    payers,
    quality_reading,
    retrieved,
    safety_signal,
    sketch,
    steps_signal,
    tool_costs,
)
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec, Source

STEPS = ("transcribe", "draft", "check-sources", "check-safety", "present")


def scribe_signals() -> tuple[SignalSpec, ...]:
    """All signals of an ambient scribe: the core nine, then by family. A signal that no trace carries is silent."""
    return (
        *core_scribe_signals(),
        *_inputs(),
        *_outputs(),
        *_workflow(),
        *_safety(),
        complaints(),
        quality_reading(),
        *tool_costs(high=5.0),
    )


def _inputs() -> tuple[SignalSpec, ...]:
    return (
        input_signal(
            name="visit_minutes",
            kind=Kind.POSITIVE,
            high=180.0,
            why="How long the visit took: shorter slots or longer talks are other visits than those learned from.",
        ),
        payers(),
        languages(),
        *patient_mix(),
        sketch("the visit's dialogue"),
        retrieved(),
    )


def _outputs() -> tuple[SignalSpec, ...]:
    return (
        output_signal(
            name="note_words",
            kind=Kind.POSITIVE,
            direction=Direction.BOTH,
            high=3000.0,
            why="The length of the note: padding hides what matters, and a note cut short leaves it out.",
        ),
        output_signal(
            name="completion_ratio",
            kind=Kind.BOUNDED,
            direction=Direction.DOWN,
            spread=True,
            why="How much of the template the note completes; watched for becoming erratic as well as for sinking.",
        ),
        output_signal(
            name="missing_questions",
            kind=Kind.COUNT,
            high=20.0,
            why="Questions that this visit called for and the draft does not raise: gaps nobody is reminded of.",
        ),
        output_signal(
            name="missing_warning",
            kind=Kind.BINARY,
            why="Whether a warning that belongs in this note (allergy, interaction, fall risk) is not there.",
        ),
    )


def _workflow() -> tuple[SignalSpec, ...]:
    return (
        steps_signal(
            name="checks_bypassed",
            source=Source.MISSING_STEPS,
            steps=STEPS,
            why="The share of the declared steps that the work left out: a draft that nobody checked.",
        ),
        steps_signal(
            name="steps_out_of_order",
            source=Source.STEP_ORDER,
            steps=STEPS,
            why="How often a step came before the one it depends on: a note shown before its safety check.",
        ),
        habit_signal(
            name="overridden",
            why="Whether the clinician overrode what the draft proposed: the product and the work disagree.",
        ),
        habit_signal(
            name="draft_abandoned",
            why="Whether the draft was thrown away unread or half-way: the tool is in the way.",
        ),
        habit_signal(
            name="rewritten_by_hand",
            why="Whether the clinician wrote the note anew beside the draft: people work round the product.",
        ),
        SignalSpec(
            name="reading_s",
            family=Family.WORKFLOW,
            kind=Kind.POSITIVE,
            direction=Direction.DOWN,
            role=Role.SIGNAL,
            tolerance=0.05,
            carrier=Carrier.FEEDBACK,
            high=1800.0,
            max_age_s=FEEDBACK_AGE_S,
            owner=PRODUCT,
            why="Seconds between seeing the draft and signing it: under time pressure notes are signed unread.",
        ),
    )


def _safety() -> tuple[SignalSpec, ...]:
    return (
        safety_signal(
            name="red_flag_missed",
            limit=0.05,
            why="Whether a red flag said in the visit is not in the note; more than 1 note in 20 is never acceptable.",
        ),
        safety_signal(
            name="policy_violation",
            why="Whether the note breaks a written rule of the clinic, such as copying a minor's confidential talk.",
        ),
        never_signal(
            name="consent_missing",
            why="A visit was recorded without the patient's consent: one is enough to stop.",
        ),
        never_signal(
            name="invented_allergy",
            why="The note states an allergy that nobody mentioned: one can decide a treatment.",
        ),
    )
