"""The table as a picture: a row a case, a mark a detector, at its worst delay beside the oracle's."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.delay.race import ORACLE, Line

_MARKS = {
    "floor": ("#D55E00", "|", "floor: index unknown"),
    "e-SR, known, one side": ("#0072B2", "o", "known baseline"),
    "e-SR, known, any": ("#0072B2", "o", "known baseline"),
    "e-SR, known, both": ("#56B4E9", "o", "known baseline, both sides"),
    "e-SR, ranks": ("#009E73", "D", "ranks, 1,000 references"),
    "e-SR, both samples": ("#F0E442", "P", "reference of 1,000 and stream together"),
    "e-SR, bound": ("#CC79A7", "s", "bound of 1,000 references, oracle from the bound"),
    "FOCuS": ("#E69F00", "^", "FOCuS, known, calibrated"),
    "River ADWIN": ("#999999", "v", "River ADWIN, calibrated"),
    "River PageHinkley": ("#000000", "x", "River PageHinkley, calibrated"),
}
"""Okabe and Ito's colours: told apart by people with any colour vision."""
_MOST = 8.0


def draw_lines(lines: Sequence[Line], path: Path) -> None:
    """Write the picture, PNG or SVG by the path's ending; ratios above 8 are drawn at 8."""
    mpl.use("Agg")
    names = list(dict.fromkeys((line.kind, line.case) for line in lines))
    figure = Figure(figsize=(11, 1.5 + 0.42 * len(names)), layout="constrained")
    ax = figure.subplots()
    labelled: set[str] = set()
    for line in lines:
        mark = next((value for prefix, value in _MARKS.items() if line.detector.startswith(prefix)), None)
        if mark is None or (line.detector.startswith("e-SR, bound") and line.against == ORACLE):
            continue
        colour, shape, label = mark
        row = len(names) - 1 - names.index((line.kind, line.case))
        shown = None if label in labelled else label
        labelled.add(label)
        size, edge = (13, 2.5) if shape == "|" else (7, 1.0)
        place = [min(line.worst, _MOST)]
        ax.plot(place, [row], shape, color=colour, label=shown, markersize=size, markeredgewidth=edge)
    ax.axvline(1.0, color="#222222", linewidth=1)
    for aim in (1.2, 1.5):
        ax.axvline(aim, color="#BBBBBB", linewidth=1, linestyle="--")
    ax.set_yticks(range(len(names)), [f"{kind}: {case}" for kind, case in reversed(names)])
    ax.set_xscale("log")
    ax.set_xticks([1.0, 1.2, 1.5, 2.0, 3.0, 5.0, _MOST], ["1", "1.2", "1.5", "2", "3", "5", "≥ 8"], minor=False)
    ax.minorticks_off()
    ax.set_xlabel("mean delay ÷ that of a CUSUM that knows both sides of the change, worst change point")
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=110)
