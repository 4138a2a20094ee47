"""The policy that a new installation starts from: a scribe's nine signals, and the times of production or demo."""

from homeostat.schemas.base import Slug
from homeostat.schemas.policy import DeadLetterKey, Policy, Times
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec

FEEDBACK_AGE_S = 86_400.0
"""Feedback older than a day is judged by nobody: after that it says more about the reader than about the note."""

_CLINICAL: Slug = "clinical-quality"
_OPERATIONS: Slug = "operations"


def scribe_signals() -> tuple[SignalSpec, ...]:
    """The nine signals of an ambient scribe, guardrails first."""
    return (*_quality_guardrails(), *_operations_guardrails(), *_other_signals())


def default_policy(
    times: Times | None = None, partitions: int = 16, dead_letters: DeadLetterKey | None = None
) -> Policy:
    """The scribe's policy; give `demo_times()` for a run that ends in minutes."""
    return Policy(
        signals=scribe_signals(),
        times=Times() if times is None else times,
        partitions=partitions,
        dead_letters=dead_letters,
    )


def demo_times() -> Times:
    """Times so short that a person can watch a lease lapse."""
    return Times(tick_s=0.5, bucket_s=1.0, session_s=6.0, lease_ttl_s=15.0, clock_skew_s=1.0, source_timeout_s=10.0)


def _quality_guardrails() -> tuple[SignalSpec, ...]:
    return (
        SignalSpec(
            name="edit_ratio",
            family=Family.OUTCOME,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            carrier=Carrier.FEEDBACK,
            max_age_s=FEEDBACK_AGE_S,
            owner=_CLINICAL,
            why="The share of the note that the clinician changed before signing: work that was not saved.",
        ),
        SignalSpec(
            name="unsupported_ratio",
            family=Family.OUTPUT,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            owner=_CLINICAL,
            why="The share of the note's content that nothing in the visit supports: invented findings in a chart.",
        ),
        SignalSpec(
            name="omission_ratio",
            family=Family.OUTPUT,
            kind=Kind.BOUNDED,
            direction=Direction.UP,
            role=Role.GUARDRAIL,
            tolerance=0.05,
            owner=_CLINICAL,
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
            max_age_s=FEEDBACK_AGE_S,
            owner=_CLINICAL,
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
            owner=_OPERATIONS,
            why="Seconds until the draft is there, clipped at 60: .05 is 3 s of the clipped mean, not of the mean.",
        ),
        SignalSpec(
            name="session_yield",
            family=Family.OPERATIONS,
            kind=Kind.BINARY,
            direction=Direction.DOWN,
            role=Role.GUARDRAIL,
            tolerance=0.02,
            carrier=Carrier.EXPOSURE,
            owner=_OPERATIONS,
            why="Whether a session that a gateway started left a trace: who fails silently looks like no data.",
        ),
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
            owner=_CLINICAL,
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
            owner=_OPERATIONS,
            why="Words of the visit's dialogue, clipped at 5,000: other visits or speech recognition move it.",
        ),
        SignalSpec(
            name="field_completeness",
            family=Family.INPUT,
            kind=Kind.BOUNDED,
            direction=Direction.BOTH,
            role=Role.SIGNAL,
            tolerance=0.05,
            owner=_OPERATIONS,
            why="The share of the intake fields filled when the runtime began: what it had to work with.",
        ),
    )
