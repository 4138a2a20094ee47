"""The policy that a new installation starts from: a runtime's registry, and the times of production or demo."""

from homeostat.schemas.policy import DeadLetterKey, Policy, Times
from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.signal import SignalSpec

DEMO_FEEDBACK_AGE_S = 10.0
"""The demo's clinicians answer within two seconds: baselines of feedback begin when the slowest have."""


def default_policy(
    times: Times | None = None,
    partitions: int = 16,
    dead_letters: DeadLetterKey | None = None,
    runtime: Runtime = Runtime.SCRIBE,
    signals: tuple[SignalSpec, ...] | None = None,
) -> Policy:
    """The policy with a runtime's whole registry, or with these signals of it.

    Give `demo_times()` and `core_scribe_signals(DEMO_FEEDBACK_AGE_S)` for a run that ends in minutes.
    """
    return Policy(
        signals=signals_of(runtime) if signals is None else signals,
        times=Times() if times is None else times,
        partitions=partitions,
        dead_letters=dead_letters,
    )


def demo_times() -> Times:
    """Times so short that a person can watch a lease lapse."""
    return Times(tick_s=0.5, bucket_s=1.0, session_s=6.0, lease_ttl_s=15.0, clock_skew_s=1.0, source_timeout_s=10.0)
