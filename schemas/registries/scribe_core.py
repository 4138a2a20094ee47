"""The nine signals that a scribe's releases are judged and watched by first; six of them are guardrails."""

from homeostat.schemas.registries.every_runtime import CLINICAL, FEEDBACK_AGE_S, OPERATIONS, session_yield
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec


def core_scribe_signals(feedback_age_s: float = FEEDBACK_AGE_S) -> tuple[SignalSpec, ...]:
    """The nine signals that any scribe can send from its first day, guardrails first.

    Feedback counts up to an age of `feedback_age_s`.
    """
    return (*_quality_guardrails(feedback_age_s), *_operations_guardrails(), *_other_signals())


def _quality_guardrails(feedback_age_s: float) -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="edit_ratio",
            family=Family.OUTCOME,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            carrier=Carrier.FEEDBACK,
            max_age_s=feedback_age_s,
            owner=CLINICAL,
            why="The share of the note that the clinician changed before signing: work that was not saved.",
        ),
        SignalSpec(
            name="unsupported_ratio",
            family=Family.OUTPUT,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            owner=CLINICAL,
            why="The share of the note's content that nothing in the visit supports: invented findings in a chart.",
        ),
        SignalSpec(
            name="omission_ratio",
            family=Family.OUTPUT,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            owner=CLINICAL,
            why="The share of expected content that the note leaves out: what is not written down is not followed up.",
        ),
        SignalSpec(
            name="accepted",
            family=Family.OUTCOME,
            kind=Kind.BINARY,
            direction=Direction.DOWN,
            role=Role.GUARDRAIL,
            tolerance=0.10,
            carrier=Carrier.FEEDBACK,
            max_age_s=feedback_age_s,
            owner=CLINICAL,
            why="Whether the clinician kept the note; .10, as .05 on a yes or no takes a thousand pairs a cohort.",
        ),
    )


def _operations_guardrails() -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="latency_s",
            family=Family.OPERATIONS,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            high=60.0,
            clip=True,
            owner=OPERATIONS,
            why="Seconds until the draft is there, clipped at 60: .05 is 3 s of the clipped mean, not of the mean.",
        ),
        session_yield(),
    )


def _other_signals() -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="structure_score",
            family=Family.OUTPUT,
            kind=Kind.BOUNDED,
            direction=Direction.DOWN,
            role=Role.SIGNAL,
            tolerance=0.05,
            owner=CLINICAL,
            why="The share of the expected section headings that the note has: an early sign of a changed template.",
        ),
        SignalSpec(
            name="dialogue_words",
            family=Family.INPUT,
            kind=Kind.BOUNDED,
            direction=Direction.BOTH,
            role=Role.SIGNAL,
            tolerance=0.05,
            high=5000.0,
            clip=True,
            owner=OPERATIONS,
            why="Words of the visit's dialogue, clipped at 5,000: other visits or speech recognition move it.",
        ),
        SignalSpec(
            name="field_completeness",
            family=Family.INPUT,
            kind=Kind.BOUNDED,
            direction=Direction.BOTH,
            role=Role.SIGNAL,
            tolerance=0.05,
            owner=OPERATIONS,
            why="The share of the intake fields filled when the runtime began: what it had to work with.",
        ),
    )
