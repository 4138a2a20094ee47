"""The runtimes that Homeostat knows a registry for."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from homeostat.schemas.registries.billing import billing_signals
from homeostat.schemas.registries.receptionist import receptionist_signals
from homeostat.schemas.registries.scribe import scribe_signals
from homeostat.schemas.signal import SignalSpec


class Runtime(StrEnum):
    """A kind of runtime with a registry of its own."""

    SCRIBE = "scribe"
    RECEPTIONIST = "receptionist"
    BILLING = "billing"


_REGISTRIES: Final[dict[Runtime, Callable[[], tuple[SignalSpec, ...]]]] = {
    Runtime.SCRIBE: scribe_signals,
    Runtime.RECEPTIONIST: receptionist_signals,
    Runtime.BILLING: billing_signals,
}


def signals_of(runtime: Runtime) -> tuple[SignalSpec, ...]:
    """The signals of a runtime, guardrails first.

    >>> [len(signals_of(runtime)) >= 12 for runtime in Runtime]
    [True, True, True]
    """
    return _REGISTRIES[runtime]()
