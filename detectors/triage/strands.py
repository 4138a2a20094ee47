"""Strands: what a column tells of, from what a runtime is given down to what becomes of its work."""

from enum import StrEnum
from types import MappingProxyType

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.drift_event import DriftClass
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Family, SignalSpec, Source
from homeostat.schemas.signal_columns import signal_of


class Strand(StrEnum):
    """Declared upstream first: a change moves what comes after it, seldom what comes before."""

    INPUT = "input"
    OUTPUT = "output"
    SAFETY = "safety"
    WORKFLOW = "workflow"
    USE = "use"
    OUTCOME = "outcome"
    OPERATIONS = "operations"


CLASS_OF = MappingProxyType(
    {
        Strand.INPUT: DriftClass.DATA_DRIFT,
        Strand.OUTPUT: DriftClass.PROMPT_DRIFT,
        Strand.SAFETY: DriftClass.POLICY_DRIFT,
        Strand.WORKFLOW: DriftClass.WORKFLOW_DRIFT,
        Strand.USE: DriftClass.PRODUCT_MISMATCH,
        Strand.OUTCOME: DriftClass.CONCEPT_DRIFT,
        Strand.OPERATIONS: DriftClass.UNEXPLAINED,
    }
)
"""The class of a change whose most upstream strand this is, where no release explains it."""
WORDS = MappingProxyType(
    {
        Strand.INPUT: "inputs",
        Strand.OUTPUT: "outputs",
        Strand.SAFETY: "safety signals",
        Strand.WORKFLOW: "workflow signals of the work",
        Strand.USE: "what people do with the work",
        Strand.OUTCOME: "outcomes",
        Strand.OPERATIONS: "operations",
    }
)
ORDER = tuple(Strand)


def strand_of(family: Family, carrier: Carrier) -> Strand:
    """The strand of a family; a workflow signal that feedback carries tells of people's use.

    >>> strand_of(Family.WORKFLOW, Carrier.FEEDBACK).value, strand_of(Family.SAFETY, Carrier.WORK).value
    ('use', 'safety')
    """
    if family is Family.WORKFLOW and carrier is Carrier.FEEDBACK:
        return Strand.USE
    return Strand(family.value)


def upstream_of(strand: Strand) -> tuple[Strand, ...]:
    """The strands before this one.

    >>> [each.value for each in upstream_of(Strand.SAFETY)]
    ['input', 'output']
    """
    return ORDER[: ORDER.index(strand)]


def find_spec(signals: tuple[SignalSpec, ...], column: str) -> SignalSpec | None:
    """The declaration of the signal that a column belongs to; None for one that is no longer declared."""
    name = signal_of(column)
    return next((spec for spec in signals if spec.name == name), None)


def is_fetched(spec: SignalSpec | None) -> bool:
    """Whether an input is of the runtime's own doing (what it retrieves), so that a release may move it."""
    return spec is not None and spec.source is Source.RETRIEVAL_HITS


def carry_as_declared(alarm: Alarm, policy: Policy) -> Alarm:
    """The alarm with the carrier that the policy declares for its signal: a parent's alarm does not say it."""
    spec = find_spec(policy.signals, alarm.signal)
    if spec is None or spec.carrier is alarm.carrier:
        return alarm
    return alarm.model_copy(update={"carrier": spec.carrier})
