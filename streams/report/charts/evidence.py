"""Evidence over time, as a share of what raises an alarm, on a logarithmic scale."""

import math
from typing import Final

from markupsafe import Markup

from homeostat.streams.report.charts.frame import Frame, draw_time_axis, draw_value_axis
from homeostat.streams.report.charts.svg import element, path_of, picture
from homeostat.streams.report.model import Picture

_WIDTH, _HEIGHT = 450.0, 190.0
FLOOR: Final = 1e-4


def draw_evidence(shown: Picture, to_ms: int) -> Markup:
    """Draw the evidence as an area below a line; the threshold is 1."""
    frame = Frame(58, 14, _WIDTH - 10, _HEIGHT - 26, shown.from_ms, to_ms, math.log10(FLOOR), 0.6)
    points = [(frame.x(trace.until_ms), frame.y(math.log10(max(trace.ratio, FLOOR)))) for trace in shown.evidence]
    closed = [(points[0][0], frame.bottom), *points, (points[-1][0], frame.bottom)] if points else []
    line = frame.y(0.0)
    parts = [
        draw_value_axis(frame, [-4, -3, -2, -1], lambda power: f"{10**power:g}"),
        element("path", d=path_of(closed), class_="area"),
        element("path", d=path_of(points), class_="observed"),
        element("line", x1=frame.left, x2=frame.right, y1=line, y2=line, class_="threshold"),
        element("text", "alarm", x=frame.left - 8, y=line + 4, class_="tick strong", text_anchor="end"),
        draw_time_axis(frame, most=4),
    ]
    return picture(_WIDTH, _HEIGHT, "evidence over time, as a share of the alarm threshold", *parts)
