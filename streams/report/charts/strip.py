"""A cohort's evidence over the period as one row of cells."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from homeostat.streams.report.charts.svg import element, picture

_CELL, _HEIGHT, _LEVELS = 5.0, 14.0, 5


def draw_strip(ratios: Sequence[float]) -> Markup:
    """Draw a cell an interval: from nothing to half the way to an alarm and, apart, an alarm."""
    cells = [
        element("rect", x=place * _CELL, y=0.0, width=_CELL - 0.8, height=_HEIGHT, class_=f"heat-{level_of(ratio)}")
        for place, ratio in enumerate(ratios)
    ]
    return picture(max(1, len(ratios)) * _CELL, _HEIGHT, "evidence over the period", *cells)


def level_of(ratio: float) -> str:
    """The class of evidence ÷ threshold: 0 to 4 by the power of ten below 1, or `alarm`.

    >>> [level_of(ratio) for ratio in (0.0, 1e-5, 0.0005, 0.02, 0.5, 1.0)]
    ['0', '0', '1', '3', '4', 'alarm']
    """
    if ratio >= 1.0:
        return "alarm"
    return "0" if ratio <= 0 else str(max(0, min(_LEVELS - 1, math.floor(math.log10(ratio)) + _LEVELS)))
