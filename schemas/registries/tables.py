"""A registry as a Markdown table, as docs/signals.md shows it."""

from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.signal import Direction, Kind, SignalSpec, Source
from homeostat.schemas.signal_columns import expand_signals

_HEAD = (
    "| signal | family | kind | carried by | role | harmful | tolerance | owner | why |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
_HARMFUL = {Direction.UP: "more", Direction.DOWN: "less", Direction.BOTH: "neither"}
_DAY_S = 86_400.0


def write_tables() -> str:
    """All registries, each with a heading that says how many signals and columns it has."""
    return "\n".join(_write_table(runtime) for runtime in Runtime)


def _write_table(runtime: Runtime) -> str:
    signals = signals_of(runtime)
    columns = len(expand_signals(signals))
    rows = "".join(_write_row(spec) for spec in signals)
    return f"### {runtime.capitalize()}: {len(signals)} signals, {columns} columns\n\n{_HEAD}{rows}"


def _write_row(spec: SignalSpec) -> str:
    cells = (
        f"`{spec.name}`",
        spec.family.value,
        _describe_kind(spec),
        _describe_carrier(spec),
        spec.role.value,
        _HARMFUL[spec.direction],
        f"{spec.tolerance:g}",
        spec.owner,
        spec.why,
    )
    return f"| {' | '.join(cells)} |\n"


def _describe_kind(spec: SignalSpec) -> str:
    notes = []
    if spec.kind not in {Kind.BINARY, Kind.CATEGORICAL, Kind.EMBEDDING} and (spec.low, spec.high) != (0.0, 1.0):
        notes.append(f"{spec.low:g} to {spec.high:g}")
    if spec.dimensions is not None:
        notes.append(f"{spec.dimensions} dimensions")
    if spec.spread:
        notes.append("and its spread")
    if spec.limit is not None:
        notes.append(f"limit {spec.limit:g}")
    if spec.source is not Source.SIGNAL:
        notes.append(f"from {spec.source.value}")
    return f"{spec.kind.value}{': ' if notes else ''}{', '.join(notes)}"


def _describe_carrier(spec: SignalSpec) -> str:
    if spec.max_age_s is None:
        return spec.carrier.value
    none = ", none is 0" if spec.absence else ""
    return f"{spec.carrier.value}, {spec.max_age_s / _DAY_S:g} d{none}"
