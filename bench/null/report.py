"""The figures as tables for a terminal and as JSON."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from bench.null.measure import Delay, Used
from bench.null.platform import PlatformFigures
from bench.null.scenarios import DELAY_DAYS, PAST_BASE_TOLERANCES, PAST_EDGE_TOLERANCES, Row

_LEFT = {"stream", "settings", "layer"}


def tabulate_streams(rows: Sequence[Row]) -> Table:
    """One line a stream and settings; a ratio whose interval lies above 1 is a broken budget."""
    table = Table(title=f"Alarms used ÷ declared; then sessions to an alarm (median, found within {DELAY_DAYS} days)")
    titles = ("stream", "settings", "sessions", "declared", "at the edge", "no change")
    delays = (f"edge + {PAST_EDGE_TOLERANCES:g} τ", f"baseline + {PAST_BASE_TOLERANCES:g} τ")
    for title in (*titles, *delays):
        table.add_column(title, justify="left" if title in _LEFT else "right")
    for row in rows:
        table.add_row(
            row.name,
            row.variant if row.holds else f"{row.variant} (not covered)",
            f"{row.sessions:,.0f}",
            f"{row.edge.declared:.0f}, {row.still.declared:.0f}",
            show_used(row.edge),
            show_used(row.still),
            show_delay(row.past_edge),
            show_delay(row.past_base),
        )
    return table


def tabulate_platform(figures: PlatformFigures) -> Table:
    """One line a layer; the last against the operator's whole budget."""
    moved = f"{figures.mean_moved:+.3f}"
    table = Table(
        title=f"{figures.tenants:,} tenants, {figures.leaves:,} leaves, {figures.sessions:,} sessions in four weeks; "
        f"the mix moved the platform's mean by {moved}, no leaf's mean moved"
    )
    for title in ("layer", "monitors", "declared", "at the edge", "no change"):
        table.add_column(title, justify="left" if title in _LEFT else "right")
    for row in figures.rows:
        declared = f"{row.edge.declared:.1f}, {row.still.declared:.1f}"
        table.add_row(row.layer, f"{row.monitors:,}", declared, show_used(row.edge), show_used(row.still))
    return table


def show_used(used: Used) -> str:
    """`0.29 [0.11, 0.63]`."""
    low, high = used.interval
    return f"{used.ratio:.2f} [{low:.2f}, {high:.2f}]"


def show_delay(delay: Delay) -> str:
    """`211 (98 %)`; a median that was not reached is shown as such."""
    if not delay.monitors or math.isnan(delay.median):
        return "–"
    median = f"{delay.median:,.0f}" if math.isfinite(delay.median) else "not yet"
    return f"{median} ({delay.found_ratio:.0%})"


def broken(rows: Sequence[Row]) -> Iterator[str]:
    """Streams that the guarantee covers and whose interval lies above 1."""
    for row in rows:
        for name, used in (("at the edge", row.edge), ("no change", row.still)):
            if row.holds and used.interval[0] > 1.0:
                yield f"{row.name}, {row.variant}: {name} {show_used(used)}"


def as_json(rows: Sequence[Row], platform: PlatformFigures | None) -> dict[str, Any]:
    """All figures."""
    return {
        "streams": [
            {
                "stream": row.name,
                "settings": row.variant,
                "covered": row.holds,
                "monitors": row.monitors,
                "sessions": row.sessions,
                "edge": _used_fields(row.edge),
                "no_change": _used_fields(row.still),
                "delay_past_edge": _delay_fields(row.past_edge),
                "delay_past_baseline": _delay_fields(row.past_base),
            }
            for row in rows
        ],
        "platform": None if platform is None else _platform_fields(platform),
    }


def _platform_fields(figures: PlatformFigures) -> dict[str, Any]:
    layers = [
        {
            "layer": row.layer,
            "monitors": row.monitors,
            "edge": _used_fields(row.edge),
            "no_change": _used_fields(row.still),
        }
        for row in figures.rows
    ]
    return {**figures._asdict(), "rows": layers}


def _used_fields(used: Used) -> dict[str, Any]:
    low, high = used.interval
    return {"alarms": used.alarms, "declared": used.declared, "ratio": used.ratio, "low": low, "high": high}


def _delay_fields(delay: Delay) -> dict[str, Any]:
    median = delay.median if math.isfinite(delay.median) else None
    return {"median_sessions": median, "found_ratio": delay.found_ratio, "monitors": delay.monitors}
