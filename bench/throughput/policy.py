"""The policy of the benchmark: the scribe's nine signals and three more, all carried by work, baselines of 50."""

from homeostat.schemas.policy import BaselineRule, Budget, Policy, Times
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec

FIRST_SESSIONS = 50


def bench_signals() -> tuple[SignalSpec, ...]:
    """Twelve signals of work. Feedback's and the gateway's are carried by work too, so that every trace has 48."""
    carried = {"carrier": Carrier.WORK, "max_age_s": None}
    return (*(spec.model_copy(update=carried) for spec in core_scribe_signals()), *_declared_here())


def bench_policy(partitions: int) -> Policy:
    """Production's times and budget; baselines early, so that monitors bet through most of a run."""
    return Policy(
        name="bench",
        signals=bench_signals(),
        times=Times(),
        budget=Budget(),
        baseline=BaselineRule(first_sessions=FIRST_SESSIONS),
        partitions=partitions,
    )


def _declared_here() -> tuple[SignalSpec, ...]:
    return (
        _declare("note_words", Family.OUTPUT, Direction.BOTH, 2_000.0),
        _declare("retrieved_sources", Family.WORKFLOW, Direction.DOWN, 20.0),
        _declare("tool_error_ratio", Family.OPERATIONS, Direction.UP, 1.0),
    )


def _declare(name: str, family: Family, direction: Direction, high: float) -> SignalSpec:
    return SignalSpec(
        name=name,
        family=family,
        kind=Kind.BOUNDED,
        direction=direction,
        role=Role.SIGNAL,
        tolerance=0.05,
        high=high,
        clip=True,
    )
