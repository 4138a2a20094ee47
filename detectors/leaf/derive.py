"""Values of columns that a trace does not name: categories, steps, tools, retrieval, bands, the embedding's sketch."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from homeostat.detectors.compiled import compiled
from homeostat.detectors.fixed_point import Floats
from homeostat.detectors.leaf.plan import Plan, is_named
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.signal import Carrier, Kind, SignalSpec, Source
from homeostat.schemas.signal_columns import SKETCH_AXES, UNSEEN, categories_of
from homeostat.schemas.trace import ToolOutcome

Values = tuple[float, ...]
_Reader = Callable[[Any], Values]
_OK: Final = ToolOutcome.OK.value
_WIDTH: Final = 8.0
"""A sketch axis covers ± 4 standard deviations of a direction that is anyhow."""


def build_reader(plan: Plan, carrier: Carrier) -> _Reader:
    """A function from a trace of good form to the derived columns of its lane, in their order; nan for no value.

    It raises `PoisonRecord` (OUT_OF_RANGE) for an embedding of another length than declared.
    """
    readers = [reader for spec in plan.policy.signals if spec.carrier is carrier for reader in _readers(spec)]
    if not readers:
        return lambda _: ()
    return lambda trace: tuple(value for reader in readers for value in reader(trace))


def _readers(spec: SignalSpec) -> Iterator[_Reader]:
    if spec.kind is Kind.CATEGORICAL:
        yield _read_category(spec)
    elif spec.kind is Kind.EMBEDDING:
        yield _read_embedding(spec)
    elif not is_named(spec):
        yield _SOURCES[spec.source](spec)
    if spec.spread:
        yield lambda _: (math.nan,)


def _read_category(spec: SignalSpec) -> _Reader:
    categories = categories_of(spec)
    rows = {name: tuple(float(name == each) for each in categories) for name in categories}
    absent = (math.nan,) * len(categories)
    unseen = rows.get(UNSEEN, absent)
    if spec.source is Source.SIGNAL:
        name = spec.name
        return lambda trace: rows.get(trace.categories[name], unseen) if name in trace.categories else absent
    if spec.source is Source.AGE_BAND:
        return lambda trace: rows[trace.age_band.strip("-")]
    return lambda trace: rows[trace.sex_band]


def _read_embedding(spec: SignalSpec) -> _Reader:
    assert spec.dimensions is not None
    axes = sketch_axes(spec.name, spec.dimensions)
    absent = (math.nan,) * len(axes)

    def read(trace: Any) -> Values:
        if not trace.embedding:
            return absent
        if len(trace.embedding) != axes.shape[1]:
            raise PoisonRecord(Refusal.OUT_OF_RANGE, f"an embedding of other than {axes.shape[1]} numbers")
        return tuple(sketch(np.array(trace.embedding), axes).tolist())

    return read


@lru_cache(maxsize=32)
def sketch_axes(name: str, dimensions: int) -> Floats:
    """The signs ±1 (float64 [axes, dimensions]) of a signal's projections, from a hash of its name."""
    count = min(dimensions, SKETCH_AXES)
    rows = []
    for axis in range(count):
        bits = hashlib.shake_128(f"{name}/{axis}".encode()).digest((dimensions + 7) // 8)
        rows.append(np.unpackbits(np.frombuffer(bits, np.uint8))[:dimensions] * 2.0 - 1.0)
    return np.array(rows)


@compiled
def sketch(vector: Floats, axes: Floats) -> Floats:
    """Where a vector lies along each axis, in [0, 1]; its length does not matter, .5 for the zero vector.

    x = ½ + (a·v)/(8·‖v‖) for signs a, held to [0, 1]: over random signs a·v/‖v‖ has mean 0 and variance 1.
    Source: Achlioptas, 'Database-friendly random projections' (2003).

    >>> sketch(np.array([1.0, 0.0]), np.array([[1.0, -1.0], [-1.0, 1.0]])).tolist()
    [0.625, 0.375]
    """
    out = np.full(axes.shape[0], 0.5)
    square = 0.0
    for i in range(vector.shape[0]):
        square += vector[i] * vector[i]
    if square <= 0.0 or math.isinf(square):
        return out
    for k in range(axes.shape[0]):
        along = 0.0
        for i in range(vector.shape[0]):
            along += axes[k, i] * vector[i]
        out[k] = min(max(0.5 + along / math.sqrt(square) / _WIDTH, 0.0), 1.0)
    return out


def _read_missing_steps(spec: SignalSpec) -> _Reader:
    declared = frozenset(spec.steps)

    def read(trace: Any) -> Values:
        return (len(declared.difference(trace.steps)) / len(declared) if trace.steps else math.nan,)

    return read


def _read_step_order(spec: SignalSpec) -> _Reader:
    places = {step: place for place, step in enumerate(spec.steps)}

    def read(trace: Any) -> Values:
        taken = [places[step] for step in trace.steps if step in places]
        return (_share(later < before for before, later in pairwise(taken)),)

    return read


def _read_tool_failures(_: SignalSpec) -> _Reader:
    return lambda trace: (_share(call.outcome != _OK for call in trace.tools),)


def _read_retrieval_hits(_: SignalSpec) -> _Reader:
    return lambda trace: (float(len(trace.retrieval)),)


def _share(found: Iterator[bool]) -> float:
    each: Sequence[bool] = list(found)
    return sum(each) / len(each) if each else math.nan


_SOURCES: Final[dict[Source, Callable[[SignalSpec], _Reader]]] = {
    Source.MISSING_STEPS: _read_missing_steps,
    Source.STEP_ORDER: _read_step_order,
    Source.TOOL_FAILURES: _read_tool_failures,
    Source.RETRIEVAL_HITS: _read_retrieval_hits,
}
