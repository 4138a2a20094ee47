"""What the stock Faust peer and the plain peer do with a trace: pydantic, then River's Var and ADWIN, 48 of each."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, create_model
from river import drift, stats

from bench.throughput.found import Book
from bench.throughput.peers.authenticate import KeyedStates, TraceRefused, check_mac
from bench.throughput.policy import bench_signals
from homeostat.schemas.base import Part
from homeostat.schemas.headers import CE_ID
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.trace import WorkTrace

SPECS = bench_signals()
NAMES = tuple(spec.name for spec in SPECS)
HIGHS = tuple(spec.high for spec in SPECS)

Signals: Any = create_model(
    "Signals",
    __base__=Part,
    **{spec.name: Annotated[float, Field(ge=spec.low, le=spec.high)] for spec in SPECS},  # type: ignore[call-overload]  # fields by name
)


class PlainTrace(WorkTrace):
    """The contract with the twelve signals as fields: pydantic checks their ranges itself, faster than a dict."""

    signals: Signals  # type: ignore[assignment]  # narrower than the contract's mapping, on purpose


def make_monitors() -> list[tuple[Any, Any]]:
    """A cohort's monitors: mean and variance, and drift, of each signal."""
    return [(stats.Var(), drift.ADWIN()) for _ in SPECS]


class RiverObserver:
    """Four layers of cohorts; `count` traces so far."""

    def __init__(self, master: bytes) -> None:
        self.book = Book()
        self.count = 0
        self._states = KeyedStates(master)
        self._cohorts: dict[tuple[str, str | None, str | None], list[tuple[Any, Any]]] = {}

    def observe(self, key: bytes, value: bytes, headers: Mapping[str, bytes]) -> None:
        """Take one record over; what has no MAC is a control record, and none of a peer's business."""
        mac = headers.get(MAC_HEADER)
        if mac is None:
            return
        check_mac(self._states, key, headers[CE_ID], value, mac)
        trace = PlainTrace.model_validate_json(value)
        if trace.tenant != key.decode():
            raise TraceRefused(f"{trace.tenant} under the key {key!r}")
        values = [value / high for value, high in zip(trace.signals.__dict__.values(), HIGHS, strict=True)]
        tenant, specialty = trace.tenant, trace.specialty
        for cohort in (
            ("leaf", tenant, specialty),
            ("tenant", tenant, None),
            ("specialty", None, specialty),
            ("platform", None, None),
        ):
            monitors = self._cohorts.get(cohort)
            if monitors is None:
                monitors = self._cohorts[cohort] = make_monitors()
            drifted = False
            for (moments, adwin), x in zip(monitors, values, strict=True):
                moments.update(x)
                adwin.update(x)
                drifted |= adwin.drift_detected
            if drifted:
                self._note(cohort, monitors, int(trace.trace_id, 16))
        self.count += 1

    def _note(self, cohort: tuple[str, str | None, str | None], monitors: list[tuple[Any, Any]], number: int) -> None:
        for (_, adwin), name in zip(monitors, NAMES, strict=True):
            if adwin.drift_detected:
                self.book.note(*cohort, name, number)
