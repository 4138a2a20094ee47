"""The values of sessions before and since a change."""

from collections.abc import Sequence

from markupsafe import Markup

from homeostat.schemas.signal import Kind
from homeostat.streams.report.charts.frame import Frame, draw_value_axis, round_ticks
from homeostat.streams.report.charts.svg import element, join, path_of, picture
from homeostat.streams.report.model import Picture
from homeostat.streams.report.units import say_tick, to_natural

_WIDTH, _HEIGHT = 450.0, 190.0


def draw_shapes(shown: Picture) -> Markup:
    """Draw two outlines of shares by value, or two bars for yes and no."""
    before, after = _shares(shown.before), _shares(shown.after)
    label = "values before the change and since"
    if shown.spec.kind is Kind.BINARY:
        return picture(_WIDTH, 96.0, label, _draw_bars(shown))
    first, last = _used(before, after)
    highest = max([*before, *after, 0.01])
    frame = Frame(58, 14, _WIDTH - 14, _HEIGHT - 26, first, last, 0.0, highest * 1.08)
    parts = [
        draw_value_axis(frame, round_ticks(0.0, highest, 3), lambda share: f"{100 * share:.0f} %"),
        element("path", d=_steps(before, frame) + "Z", class_="before"),
        element("path", d=_steps(after, frame), class_="after"),
        _draw_axis(frame, shown, len(before)),
    ]
    return picture(_WIDTH, _HEIGHT, label, *parts)


def _draw_bars(shown: Picture) -> Markup:
    parts = []
    names = ("in use", "on trial") if shown.beside else ("before", "since")
    bars = ((names[0], shown.before, "bar-before"), (names[1], shown.after, "bar-after"))
    for place, (name, counts, class_) in enumerate(bars):
        sessions, top = sum(counts), 12.0 + 40 * place
        share = sum(count * (bin_ / (len(counts) - 1)) for bin_, count in enumerate(counts)) / sessions
        width = share * (_WIDTH - 150)
        parts += [
            element("text", name, x=50.0, y=top + 17, class_="tick", text_anchor="end"),
            element("rect", x=58.0, y=top, width=_WIDTH - 150, height=24.0, rx=3, class_="bar-rest"),
            element("rect", x=58.0, y=top, width=width, height=24.0, rx=3, class_=class_),
            element("text", f"{100 * share:.1f} %", x=_WIDTH - 84, y=top + 17, class_="tick strong"),
        ]
    return join(parts)


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / (sum(counts) or 1) for count in counts]


def _used(before: Sequence[float], after: Sequence[float]) -> tuple[int, int]:
    """The bins with something in them, and one beside."""
    used = [place for place, pair in enumerate(zip(before, after, strict=True)) if max(pair) > 0]
    return max(0, used[0] - 1), min(len(before), used[-1] + 2)


def _steps(shares: Sequence[float], frame: Frame) -> str:
    points = [(frame.x(frame.x_low), frame.bottom)]
    for place in range(int(frame.x_low), int(frame.x_high)):
        y = frame.y(shares[place])
        points += [(frame.x(place), y), (frame.x(place + 1), y)]
    return path_of([*points, (frame.x(frame.x_high), frame.bottom)])


def _draw_axis(frame: Frame, shown: Picture, bins: int) -> Markup:
    spec, parts = shown.spec, []
    low, high = frame.x_low / bins, frame.x_high / bins
    if spec.is_logarithmic:
        ticks = [low + (high - low) * quarter / 4 for quarter in range(5)]
    else:
        natural = round_ticks(to_natural(spec, low), to_natural(spec, high))
        ticks = [(value - spec.low) / (spec.high - spec.low) for value in natural]
    parts.append(element("line", x1=frame.left, x2=frame.right, y1=frame.bottom, y2=frame.bottom, class_="axis"))
    for tick in ticks:
        text = {"class_": "tick", "text_anchor": "middle"}
        parts.append(element("text", say_tick(spec, tick), x=frame.x(tick * bins), y=frame.bottom + 17, **text))
    return join(parts)
