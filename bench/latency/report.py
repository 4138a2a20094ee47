"""The table, and what to know when reading it."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench.latency.figures import AIM_MS, AIM_RATIO

_TITLES = {
    "never": "what must never be: from the trace in which it occurred",
    "harmful": "a guardrail: from the record with which the session that decided was over",
}


def print_figures(figures: dict[str, Any], console: Console) -> None:
    """Print a table a path, the probe and the lag with them; then what makes the run invalid."""
    for name, path in figures["paths"].items():
        table = Table(title=f"{_TITLES[name]} ({path['taken_back']} decisions)", box=box.SIMPLE, title_justify="left")
        for heading in ("until it can be read", "p50 ms", "p90 ms", "p99 ms", "max ms", "p99 ÷ Kafka's p99"):
            table.add_column(heading, justify="left" if heading.startswith("until") else "right")
        for leg, spread in path["legs"].items():
            table.add_row(leg, *_cells(spread), f"{spread['p99_over_kafka']:.1f}")
        table.add_row("Kafka alone", *_cells(figures["probe"]), "1.0")
        table.add_row("lag of the load", *_cells(figures["lag"]), "")
        console.print(table)
    for line in _explain(figures):
        console.print(line, highlight=False)
    for fault in figures["invalid"]:
        console.print(f"INVALID: {fault}", highlight=False, markup=False)


def _cells(spread: dict[str, Any]) -> list[str]:
    return [f"{spread[name]:,.1f}" for name in ("p50_ms", "p90_ms", "p99_ms", "max_ms")]


def _explain(figures: dict[str, Any]) -> list[str]:
    size, producer = figures["size"], figures["producer"]
    settings = ", ".join(f"{name}={value}" for name, value in producer.items())
    load = (
        f"load: {figures['traces']:,} traces at {size['traces_per_s']:,} a second of {size['tenants']} tenants in "
        f"{size['partitions']} partitions; open loop: every latency is from the time at which the deciding trace was "
        "due, and nothing waits for an answer."
    )
    probe = (
        f"Kafka alone: {size['probes_per_s']} records a second, as large as a trace, through a topic of its own at the "
        f"same time; its producer and that of traces alike: {settings}, no transactions."
    )
    aims = (
        f"aims: p99 under {AIM_MS:g} ms, and at most {AIM_RATIO:g} × Kafka's p99. Sessions last "
        f"{size['times']['session_s']:g} s; {figures['decided_by_control']} decisions were on a record of control."
    )
    return [load, probe, aims]
