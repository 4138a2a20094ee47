"""A signal over time: the mean of each interval against its baseline and what is tolerated."""

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from homeostat.schemas.signal import Direction, SignalSpec
from homeostat.streams.report.charts.frame import Frame, draw_onset, draw_time_axis, draw_value_axis, round_ticks
from homeostat.streams.report.charts.svg import element, join, path_of, picture
from homeostat.streams.report.model import Mean, Picture
from homeostat.streams.report.units import say_column, say_tick, say_value, to_natural

_WIDTH, _HEIGHT = 920.0, 250.0


def draw_means(shown: Picture, to_ms: int) -> Markup:
    """Draw the observed mean as a line; the baseline's bounds as a band, its tolerance as a paler one around it."""
    frame = _frame_of(shown, to_ms)
    spec = shown.spec
    parts = [
        _band(shown, frame, spec.tolerance, "tolerated"),
        _band(shown, frame, 0.0, "usual"),
        draw_value_axis(frame, _ticks(frame, spec), partial(say_tick, spec)),
        element("path", d=_line(_banded(shown), frame, "baseline"), class_="baseline"),
        draw_onset(frame, shown.onset_from_ms, shown.onset_to_ms, shown.noticed_ms),
        element("path", d=_line(shown.beside, frame, "mean"), class_="beside"),
        element("path", d=_line(shown.means, frame, "mean"), class_="observed"),
        join(_dot(mean, frame, spec) for mean in shown.means),
        draw_time_axis(frame),
    ]
    return picture(_WIDTH, _HEIGHT, f"{say_column(spec.name)} over time, against its baseline", *parts)


def _frame_of(shown: Picture, to_ms: int) -> Frame:
    tolerance = shown.spec.tolerance
    values = [mean.mean for mean in (*shown.means, *shown.beside)]
    for mean in _banded(shown):
        if mean.lower is not None and mean.upper is not None:
            values += [mean.lower - tolerance, mean.upper + tolerance]
    low, high = min(values), max(values)
    room = 0.08 * ((high - low) or 0.1)
    low, high = max(0.0, low - room), min(1.0, high + room)
    return Frame(74, 14, _WIDTH - 12, _HEIGHT - 26, shown.from_ms, to_ms, low, high)


def _ticks(frame: Frame, spec: SignalSpec) -> list[float]:
    if not spec.is_logarithmic:
        width = spec.high - spec.low
        natural = round_ticks(to_natural(spec, frame.y_low), to_natural(spec, frame.y_high))
        return [(value - spec.low) / width for value in natural]
    step = (frame.y_high - frame.y_low) / 4
    return [frame.y_low + step * place for place in range(5)]


def _band(shown: Picture, frame: Frame, room: float, class_: str) -> Markup:
    """One band for each run of intervals that have bounds."""
    runs: list[list[Mean]] = [[]]
    for mean in _banded(shown):
        if mean.lower is None:
            runs.append([])
        else:
            runs[-1].append(mean)
    harm = shown.change.direction
    parts = []
    for run in runs:
        up = [(frame.x(m.until_ms), frame.y((m.upper or 0.0) + (0 if harm is Direction.DOWN else room))) for m in run]
        down = [(frame.x(m.until_ms), frame.y((m.lower or 0.0) - (0 if harm is Direction.UP else room))) for m in run]
        if run:
            parts.append(element("path", d=path_of([*up, *down[::-1]]) + "Z", class_=class_))
    return join(parts)


def _banded(shown: Picture) -> Sequence[Mean]:
    """The intervals whose baseline is drawn: a trial is short, so what it is compared with says more."""
    return shown.beside or shown.means


def _line(means: Sequence[Mean], frame: Frame, name: str) -> str:
    points = [(frame.x(mean.until_ms), getattr(mean, name)) for mean in means]
    return path_of((x, frame.y(value)) for x, value in points if value is not None)


def _dot(mean: Mean, frame: Frame, spec: SignalSpec) -> Markup:
    label = element("title", f"{say_value(spec, mean.mean)} over {mean.sessions} sessions")
    return element("circle", label, cx=frame.x(mean.until_ms), cy=frame.y(mean.mean), r=2.4, class_="dot")
