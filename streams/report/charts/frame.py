"""The frame of a chart: where values lie, axes, grid."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from markupsafe import Markup

from homeostat.streams.report.charts.svg import element, join

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS_MS = (
    *(seconds * _SECOND for seconds in (1, 5, 15, 30)),
    *(minutes * _MINUTE for minutes in (1, 5, 15, 30)),
    *(hours * _HOUR for hours in (1, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)


class Frame(NamedTuple):
    """A plot area inside a picture: pixels, and the ranges that they show."""

    left: float
    top: float
    right: float
    bottom: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """The pixel of a value, held inside the area."""
        share = (value - self.x_low) / ((self.x_high - self.x_low) or 1.0)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def y(self, value: float) -> float:
        """The pixel of a value, held inside the area."""
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1.0)
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)


def draw_time_axis(frame: Frame, most: int = 7) -> Markup:
    """Ticks at round times (UTC)."""
    step = next((s for s in _STEPS_MS if (frame.x_high - frame.x_low) / s <= most), _STEPS_MS[-1])
    first = math.ceil(frame.x_low / step) * step
    ticks = [first + number * step for number in range(int(max(0, frame.x_high - first) // step) + 1)]
    parts = [_line(frame.left, frame.bottom, frame.right, frame.bottom, "axis")]
    for tick in ticks:
        x = frame.x(tick)
        parts.append(_line(x, frame.bottom, x, frame.bottom + 4, "axis"))
        parts.append(
            element("text", say_tick(tick, step), x=x, y=frame.bottom + 17, class_="tick", text_anchor="middle")
        )
    return join(parts)


def draw_value_axis(frame: Frame, ticks: Sequence[float], say: Callable[[float], str]) -> Markup:
    """Faint lines across, with their values."""
    parts = []
    for tick in ticks:
        y = frame.y(tick)
        parts.append(_line(frame.left, y, frame.right, y, "grid"))
        parts.append(element("text", say(tick), x=frame.left - 8, y=y + 4, class_="tick", text_anchor="end"))
    return join(parts)


def round_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values within a range.

    >>> round_ticks(0.0, 0.23)
    [0.0, 0.05, 0.1, 0.15, 0.2]
    """
    span = high - low
    if span <= 0:
        return [low]
    rough = span / about
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.85)
    first = math.ceil(low / step - 1e-9)
    return [round((first + place) * step, 10) for place in range(int((high - first * step) / step + 1e-9) + 1)]


def draw_onset(frame: Frame, from_ms: float, to_ms: float, alarm_ms: float | None) -> Markup:
    """Where a change began (an interval), and when it was noticed."""
    left, right = frame.x(from_ms), max(frame.x(to_ms), frame.x(from_ms) + 2)
    height = frame.bottom - frame.top
    parts = [element("rect", x=left, y=frame.top, width=right - left, height=height, class_="onset")]
    end = (left + right) / 2 > (frame.left + frame.right) / 2
    anchor, shift = ("end", -5.0) if end else ("start", 5.0)
    at = left if end else right
    text = {"class_": "mark", "text_anchor": anchor}
    parts.append(element("text", "began", x=at + shift, y=frame.top + 11, **text))
    if alarm_ms is not None:
        x = frame.x(alarm_ms)
        parts.append(_line(x, frame.top, x, frame.bottom, "noticed"))
        near = x > frame.right - 60
        anchor = "end" if near else "start"
        text = {"class_": "mark", "text_anchor": anchor}
        parts.append(element("text", "noticed", x=x + (-5 if near else 5), y=frame.top + 25, **text))
    return join(parts)


def say_tick(at_ms: float, step_ms: float) -> str:
    """A tick's time as short as the step allows.

    >>> say_tick(1_700_000_000_000, 86_400_000), say_tick(1_700_000_000_000, 3_600_000)
    ('14 Nov', '14 Nov 22:13')
    """
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    if step_ms >= _DAY:
        return f"{at.day} {at:%b}"
    if step_ms >= _HOUR:
        return f"{at.day} {at:%b %H:%M}"
    return f"{at:%H:%M}" if step_ms >= _MINUTE else f"{at:%H:%M:%S}"


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)
