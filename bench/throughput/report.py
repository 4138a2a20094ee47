"""Medians, ranges and ratios, as a table for people and as figures for programs."""

import os
import platform
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.throughput.contest import Outcome
from bench.throughput.policy import FIRST_SESSIONS
from bench.throughput.sizes import SHIFTED_SIGNAL, SPECIALTIES
from homeostat.streams.settings import WorkerSettings

LABELS = {
    "ours": "homeostat worker --role observe",
    "stock_faust": "(a) stock Faust, take(500), pydantic, River",
    "plain_peer": "(b) confluent-kafka, pydantic, River",
    "tuned_peer": "(c) confluent-kafka, msgspec, ADWIN core by columns",
    "ceiling": "ceiling: consume, parse, MAC; no statistics",
}
RATIOS = {
    "ratio_to_stock_faust": "stock_faust",
    "ratio_to_plain_peer": "plain_peer",
    "ratio_to_tuned_peer": "tuned_peer",
    "ratio_to_ceiling": "ceiling",
}
"""Each is the other's CPU per trace over ours, of medians: more is better for ours; 1 at the ceiling is the most."""


def summarize(outcome: Outcome) -> dict[str, Any]:
    """The figures of a run, as `--json` writes them."""
    systems = {system: _summarize_turns(turns) for system, turns in outcome.results.items() if turns}
    return {
        **_ratios(systems),
        "systems": systems,
        "input": _describe_input(outcome),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "pinned": outcome.is_pinned},
        "turns": outcome.results,
    }


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """The table, the ratios, and what to know when reading them."""
    table = Table(
        box=box.ROUNDED if console.is_terminal else box.SIMPLE,
        title="traces per second per core, one input, one run",
        title_justify="left",
    )
    for heading in (
        "system",
        "CPU µs a trace",
        "min-max",
        "traces/s a core",
        "by the clock",
        "start-up CPU s",
        "shift found after",
        "other alarms",
    ):
        table.add_column(heading, justify="left" if heading == "system" else "right")
    for system, row in figures["systems"].items():
        table.add_row(LABELS[system], *_cells(row))
    console.print(table)
    for name in RATIOS:
        if name in figures:
            console.print(f"{name} {figures[name]:.2f}", highlight=False)
    for line in _explain(figures):
        console.print(line, highlight=False)


def _summarize_turns(turns: list[dict[str, Any]]) -> dict[str, Any]:
    cpu = [turn["cpu_us_per_trace"] for turn in turns]
    speed = [turn["traces_per_s_core"] for turn in turns]
    by_clock = [turn["traces_per_s_clock"] for turn in turns]
    last = turns[-1]
    return {
        "cpu_us_per_trace": median(cpu),
        "cpu_us_per_trace_min": min(cpu),
        "cpu_us_per_trace_max": max(cpu),
        "traces_per_s_core": median(speed),
        "traces_per_s_core_min": min(speed),
        "traces_per_s_core_max": max(speed),
        "traces_per_s_clock": median(by_clock),
        "process_cpu_s": median(turn["process_cpu_s"] for turn in turns),
        "startup_cpu_s": median(turn["process_cpu_s"] - turn["user_s"] - turn["system_s"] for turn in turns),
        "rounds": len(turns),
        **{name: last[name] for name in _SHIFT if name in last},
    }


_SHIFT = ("found_after_traces", "found_at", "after_traces_by_layer", "leaves_found", "leaves_shifted", "other_alarms")


def _ratios(systems: dict[str, dict[str, Any]]) -> dict[str, float]:
    if "ours" not in systems:
        return {}
    ours = systems["ours"]["cpu_us_per_trace"]
    return {name: systems[other]["cpu_us_per_trace"] / ours for name, other in RATIOS.items() if other in systems}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    found = row.get("found_after_traces")
    return (
        f"{row['cpu_us_per_trace']:.1f}",
        f"{row['cpu_us_per_trace_min']:.1f}-{row['cpu_us_per_trace_max']:.1f} ({row['rounds']})",
        f"{row['traces_per_s_core']:,.0f}",
        f"{row['traces_per_s_clock']:,.0f}",
        f"{row['startup_cpu_s']:.1f}",
        "-"
        if found is None
        else f"{found} ({row['found_at']}; {row['leaves_found']} of {row['leaves_shifted']} leaves)",
        str(row.get("other_alarms", "-")),
    )


def _describe_input(outcome: Outcome) -> dict[str, Any]:
    size, written = outcome.size, outcome.written
    return {
        "traces": size.traces,
        "leaf_cohorts": size.tenants * len(SPECIALTIES),
        "monitors_per_trace": 48,
        "partitions": size.partitions,
        "value_bytes": round(written.value_bytes),
        "record_bytes": round(written.record_bytes),
        "log_time_traces_per_s": size.pace,
        "shift_from": size.shift_from,
        "shifted_signal": SHIFTED_SIGNAL,
    }


def _explain(figures: dict[str, Any]) -> list[str]:
    given = figures["input"]
    pinned = "the consumer on one core, the broker on the other" if figures["machine"]["pinned"] else "nothing pinned"
    text = (
        f"input: {given['traces']} traces of {given['value_bytes']} bytes and a MAC ({given['record_bytes']} with "
        f"headers), {given['leaf_cohorts']} leaf cohorts, 12 signals × 4 layers; log time passes at "
        f"{given['log_time_traces_per_s']} traces a second; {given['shifted_signal']} rises from trace "
        f"{given['shift_from']} on in one specialty of a third of the tenants.\n"
        "CPU: user and system time of the consuming process from its start of consuming to its end, all threads; "
        f"{pinned}; medians of rounds in which the systems take turns. Traces/s a core: for a CPU-second; by the "
        "clock: for a second from the first record on, which other work on the machine slows.\n"
        "ours authenticates, drops duplicates and checkpoints in Kafka transactions every "
        f"{WorkerSettings().checkpoint_interval_s:g} s; all peers check the same MACs and run without checkpoints and "
        "without duplicate checks: they have none.\n"
        f"ours seals a baseline after {FIRST_SESSIONS} sessions of a cohort (200 by default), a session "
        "being one trace here, and bets from then on; 'found after' counts up to the trace that tipped it, and it says "
        "so when that trace's session closes, 20 s of log time later. The peers' ADWIN has δ = .002 a test and no "
        "budget of false alarms: see their other alarms."
    )
    return text.splitlines()
