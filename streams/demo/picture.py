"""The picture of a run: evidence of each canary over time, against the bounds that decide.

Thin lines are single cohorts, thick ones a guardrail over all cohorts together; each kind has its bound (see
`detectors/statistics/verdict.py`).
"""

import math
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from homeostat.detectors.statistics.verdict import POOLED_PART
from homeostat.streams.demo.board import Board, CanaryView

_COLOURS = {
    "edit_ratio": "#0072B2",
    "unsupported_ratio": "#D55E00",
    "omission_ratio": "#009E73",
    "accepted": "#CC79A7",
    "latency_s": "#999999",
    "session_yield": "#E69F00",
}
"""Okabe and Ito's colours: told apart by people with any colour vision."""
_TEST = {"harmful": "worse by more than tolerated", "non_inferior": "not worse than tolerated"}


def draw_run(board: Board, path: Path) -> None:
    """Write a PNG: a row a canary; left the evidence of harm, right the evidence that there is none."""
    mpl.use("Agg")
    views = list(board.views.values())
    figure = Figure(figsize=(13, 3.4 * len(views)), layout="constrained")
    axes = figure.subplots(len(views), 2, squeeze=False)
    for row, view in enumerate(views):
        for column, test in enumerate(_TEST):
            _draw_test(axes[row][column], view, test)
        title = f"{view.canary.title}: {view.phase.value.replace('_', ' ')}"
        axes[row][0].set_title(title, loc="left", fontweight="bold")
    handles, labels = axes[0][0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=110)


def _draw_test(ax: Axes, view: CanaryView, test: str) -> None:
    begin = min((points[0].at_ms for points in view.points.values() if points), default=0)
    shown: set[str] = set()
    for (_, _, guardrail), points in sorted(view.points.items()):
        times = [(point.at_ms - begin) / 1000 for point in points]
        values = [getattr(point, test) / math.log(10) for point in points]
        label = None if guardrail in shown else guardrail
        shown.add(guardrail)
        ax.plot(times, values, color=_COLOURS.get(guardrail, "#000000"), linewidth=1.1, alpha=0.75, label=label)
    if test == "harmful":
        for guardrail, points in sorted(view.together.items()):
            times = [(point.at_ms - begin) / 1000 for point in points]
            values = [point.harmful / math.log(10) for point in points]
            ax.plot(times, values, color=_COLOURS.get(guardrail, "#000000"), linewidth=2.4)
    for name, limit in _limits(view, test).items():
        ax.axhline(limit, color="#222222", linestyle="--", linewidth=1)
        ax.annotate(name, (0.005, limit), xycoords=("axes fraction", "data"), ha="left", va="bottom", fontsize=8)
    ax.set_ylim(-4, 8 if test == "harmful" else 6)
    ax.set_xlabel("seconds since the first evidence")
    ax.set_ylabel(f"log₁₀ e: {_TEST[test]}")
    ax.spines[["top", "right"]].set_visible(False)


def _limits(view: CanaryView, test: str) -> dict[str, float]:
    """The bounds by name, in powers of ten."""
    decision = view.ended
    if decision is None or not decision.guardrails:
        return {}
    first = decision.guardrails[0]
    if test == "non_inferior":
        return {"bound, each cohort": first.limit_non_inferior / math.log(10)}
    cohorts = len({(g.tenant, g.specialty) for g in decision.guardrails})
    together = first.limit_harmful - math.log(cohorts * (1 - POOLED_PART) / POOLED_PART)
    return {"bound, one cohort": first.limit_harmful / math.log(10), "bound, all together": together / math.log(10)}
