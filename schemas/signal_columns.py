"""Columns: what the statistics watch of a signal, each a number in [0, 1].

| kind | columns |
| --- | --- |
| binary, bounded, positive, count | the value, scaled; with `spread` also `name--spread`, its distance from the mean |
| categorical | `name--category` for each declared category, and `name--unseen`: whether it is that one |
| embedding | `name--axis-k` for each sketch axis k: where the vector lies along it |
"""

from collections.abc import Iterable, Iterator
from typing import Final

from homeostat.schemas.signal import Direction, Kind, Role, SignalSpec, Source
from homeostat.schemas.trace import AgeBand, SexBand

UNSEEN: Final = "unseen"
SPREAD: Final = "spread"
SKETCH_AXES: Final = 8
"""Columns of an embedding of that many dimensions or more."""
_JOIN: Final = "--"
_BANDS: Final[dict[Source, tuple[str, ...]]] = {
    Source.AGE_BAND: tuple(band.value.strip("-") for band in AgeBand),
    Source.SEX_BAND: tuple(band.value for band in SexBand),
}


def expand_signals(signals: Iterable[SignalSpec]) -> tuple[SignalSpec, ...]:
    """The columns of a registry, in its order, as specifications of kinds that are one number each.

    A column keeps its signal's family, carrier, tolerance, owner and age. A guardrail's spread is a signal only.
    """
    return tuple(column for spec in signals for column in _expand(spec))


def signal_of(column: str) -> str:
    """The signal that a column belongs to.

    >>> signal_of("payer--unseen"), signal_of("edit_ratio")
    ('payer', 'edit_ratio')
    """
    return column.partition(_JOIN)[0]


def part_of(column: str) -> str:
    """The part of its signal that a column is; empty for the value itself."""
    return column.partition(_JOIN)[2]


def categories_of(spec: SignalSpec) -> tuple[str, ...]:
    """The categories of a categorical signal in the order of its columns; for a declared one 'unseen' is the last."""
    return _BANDS.get(spec.source, (*spec.categories, UNSEEN))


def _expand(spec: SignalSpec) -> Iterator[SignalSpec]:
    if spec.kind is Kind.CATEGORICAL:
        for category in categories_of(spec):
            direction = Direction.UP if category == UNSEEN else Direction.BOTH
            yield _column(spec, category, kind=Kind.BINARY, direction=direction, categories=(), source=Source.SIGNAL)
    elif spec.kind is Kind.EMBEDDING:
        assert spec.dimensions is not None
        for axis in range(min(spec.dimensions, SKETCH_AXES)):
            yield _column(spec, f"axis-{axis}", kind=Kind.BOUNDED, direction=Direction.BOTH, low=0.0, high=1.0)
    else:
        yield spec.model_copy(update={"spread": False})
        if spec.spread:
            role = Role.SIGNAL if spec.role is Role.GUARDRAIL else spec.role
            changes = {"kind": Kind.BOUNDED, "role": role, "direction": Direction.UP, "limit": None}
            yield _column(spec, SPREAD, **changes, low=0.0, high=1.0, clip=True)


def _column(spec: SignalSpec, part: str, **changes: object) -> SignalSpec:
    return spec.model_copy(update={"name": f"{spec.name}{_JOIN}{part}", "spread": False, **changes})
