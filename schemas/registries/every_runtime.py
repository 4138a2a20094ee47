"""What every runtime's registry has: patients, what is said, tools, costs, yield, what people do round it."""

from functools import partial

from homeostat.schemas.base import Slug
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec, Source

FEEDBACK_AGE_S = 86_400.0
"""Feedback older than a day is judged by nobody: after that it says more about the reader than about the work."""
WEEK_S = 7 * FEEDBACK_AGE_S
"""Complaints and readings for quality come later than corrections do."""

CLINICAL: Slug = "clinical-quality"
OPERATIONS: Slug = "operations"
SAFETY: Slug = "patient-safety"
PRODUCT: Slug = "product"

SKETCH_DIMENSIONS = 32

input_signal = partial(
    SignalSpec, family=Family.INPUT, direction=Direction.BOTH, role=Role.SIGNAL, tolerance=0.05, owner=OPERATIONS
)
output_signal = partial(
    SignalSpec, family=Family.OUTPUT, direction=Direction.UP, role=Role.SIGNAL, tolerance=0.05, owner=CLINICAL
)
steps_signal = partial(
    SignalSpec,
    family=Family.WORKFLOW,
    kind=Kind.BOUNDED,
    direction=Direction.UP,
    role=Role.SIGNAL,
    tolerance=0.05,
    owner=CLINICAL,
)
habit_signal = partial(
    SignalSpec,
    family=Family.WORKFLOW,
    kind=Kind.BINARY,
    direction=Direction.UP,
    role=Role.SIGNAL,
    tolerance=0.05,
    carrier=Carrier.FEEDBACK,
    max_age_s=FEEDBACK_AGE_S,
    owner=PRODUCT,
)
safety_signal = partial(
    SignalSpec,
    family=Family.SAFETY,
    kind=Kind.BINARY,
    direction=Direction.UP,
    role=Role.SIGNAL,
    tolerance=0.02,
    owner=SAFETY,
)
never_signal = partial(
    SignalSpec,
    family=Family.SAFETY,
    kind=Kind.BINARY,
    direction=Direction.UP,
    role=Role.NEVER,
    tolerance=0.0,
    owner=SAFETY,
)
outcome_signal = partial(
    SignalSpec,
    family=Family.OUTCOME,
    direction=Direction.UP,
    role=Role.SIGNAL,
    tolerance=0.05,
    carrier=Carrier.FEEDBACK,
    owner=CLINICAL,
)
operations_signal = partial(
    SignalSpec, family=Family.OPERATIONS, direction=Direction.UP, role=Role.SIGNAL, tolerance=0.05, owner=OPERATIONS
)


def session_yield() -> SignalSpec:
    """The guardrail that the gateway's reports carry."""
    return SignalSpec(
        name="session_yield",
        family=Family.OPERATIONS,
        kind=Kind.BINARY,
        direction=Direction.DOWN,
        role=Role.GUARDRAIL,
        tolerance=0.02,
        carrier=Carrier.EXPOSURE,
        owner=OPERATIONS,
        why="Whether a session that a gateway started left a trace: who fails silently looks like no data.",
    )


def patient_mix() -> tuple[SignalSpec, ...]:
    """Age and sex bands; .10, as a clinic's week differs from its last without meaning anything."""
    return (
        input_signal(
            name="age_mix",
            kind=Kind.CATEGORICAL,
            source=Source.AGE_BAND,
            tolerance=0.10,
            why="Patients of other ages than before: their visits differ, and the runtime may know them less well.",
        ),
        input_signal(
            name="sex_mix",
            kind=Kind.CATEGORICAL,
            source=Source.SEX_BAND,
            tolerance=0.10,
            why="Another mix of female and male patients than before: what they come for differs.",
        ),
    )


def languages() -> SignalSpec:
    """The language spoken; declare your own list where others matter."""
    return input_signal(
        name="language",
        kind=Kind.CATEGORICAL,
        tolerance=0.10,
        categories=("english", "spanish", "other"),
        why="The language spoken: speech recognition and wording are worse in languages that were rare so far.",
    )


def payers() -> SignalSpec:
    """The kind of payer."""
    return input_signal(
        name="payer",
        kind=Kind.CATEGORICAL,
        tolerance=0.10,
        categories=("public", "private", "self-pay", "other"),
        why="Who pays: a new contract brings other patients, and other rules for what has to be written down.",
    )


def sketch(of: str) -> SignalSpec:
    """The embedding sketch of what the runtime was given to work with."""
    return input_signal(
        name="embedding",
        kind=Kind.EMBEDDING,
        dimensions=SKETCH_DIMENSIONS,
        why=f"What {of} is about, as a direction of 32 numbers without any text: new topics or a new recogniser.",
    )


def retrieved() -> SignalSpec:
    """How many sources retrieval gave."""
    return input_signal(
        name="retrieval_hits",
        kind=Kind.COUNT,
        source=Source.RETRIEVAL_HITS,
        high=64.0,
        why="How many sources were found for the work: an empty or a changed index leaves the runtime to guess.",
    )


def tool_costs(high: float) -> tuple[SignalSpec, ...]:
    """Tools that fail and what a piece of work costs, in dollars up to `high`."""
    return (
        operations_signal(
            name="tool_failures",
            kind=Kind.BOUNDED,
            source=Source.TOOL_FAILURES,
            why="The share of calls to other systems that failed: a record not read, an order not placed.",
        ),
        operations_signal(
            name="cost_usd",
            kind=Kind.POSITIVE,
            high=high,
            why="What one piece of work costs in dollars: more calls to a model, or a dearer one, show here first.",
        ),
    )


def complaints() -> SignalSpec:
    """Complaints: nobody reports that there was none, so a week without one is a 0."""
    return outcome_signal(
        name="complaint",
        kind=Kind.BINARY,
        tolerance=0.02,
        max_age_s=WEEK_S,
        absence=True,
        why="Whether somebody complained within a week: rare, late, and always worth reading.",
    )


def quality_reading() -> SignalSpec:
    """What a trained reader gives a sampled work."""
    return outcome_signal(
        name="quality_score",
        kind=Kind.BOUNDED,
        direction=Direction.DOWN,
        max_age_s=WEEK_S,
        why="What a trained reader gave this work, from 0 to 1: the closest thing to the truth, for a sample only.",
    )
