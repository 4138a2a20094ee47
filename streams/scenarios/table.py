"""Scores as people read them: a line a scenario, and tables at the end."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from homeostat.streams.scenarios.score import RIGHTS

_HEADS = ("class", "harm", "scope", "next step")


def say_result(result: dict[str, Any]) -> str:
    """One line of one scenario."""
    wrong = [head for head, name in zip(_HEADS, RIGHTS, strict=True) if not result[name]]
    words = "right" if not wrong else f"wrong: {', '.join(wrong)}"
    false = f", {result['false_alarms']} false alarms" if result["false_alarms"] else ""
    days = result["onset_error_days"]
    onset = "" if days is None else f", onset off by {days:.1f} d"
    return f"{result['name']}: {words}{onset}{false} ({result.get('traces', 0)} traces, {result['seconds']:.1f} s)"


def draw_tables(results: Sequence[dict[str, Any]], total: dict[str, Any]) -> Iterator[Table]:
    """The scenarios, the totals by class, and what was taken for what."""
    if not results:
        return
    yield _draw_scenarios(results)
    yield _draw_classes(total)
    yield draw_confusion(total["confusion"])


def _draw_scenarios(results: Sequence[dict[str, Any]]) -> Table:
    table = Table("scenario", *_HEADS, "onset off by", "delay", "false alarms", "stated", title="Scenarios")
    for result in results:
        stated = "; ".join(f"{event['class']}, {event['harm']}" for event in result["events"])
        marks = ("right" if result[name] else "[red]wrong[/red]" for name in RIGHTS)
        times = (_days(result["onset_error_days"]), _days(result["delay_days"]))
        table.add_row(result["name"], *marks, *times, str(result["false_alarms"]), stated or "nothing")
    return table


def _draw_classes(total: dict[str, Any]) -> Table:
    title = "Right, of how many, and the lower bound at 95 %"
    table = Table("class", *_HEADS, title=title)
    for name, rates in [*total["by_class"].items(), ("all scenarios", total["rates"])]:
        table.add_row(name, *(_rate(rates[right]) for right in RIGHTS))
    days, false = total["onset_error_days"], total["false_alarms"]
    onset = "" if days is None else f"onset off by {days['median']:.2f} days (median), {days['worst']:.1f} at worst; "
    table.caption = f"{onset}{false} false alarms"
    return table


def draw_confusion(confusion: dict[str, dict[str, int]]) -> Table:
    """Rows: the truth; columns: what was stated."""
    columns = sorted({name for row in confusion.values() for name in row})
    table = Table("truth", *columns, title="Truth by row, stated class by column")
    for truth, row in sorted(confusion.items()):
        table.add_row(truth, *(str(row.get(name, "")) for name in columns))
    return table


def _rate(rate: dict[str, Any]) -> str:
    return f"{rate['right']} of {rate['of']} (> {rate['lower_95']:.2f})"


def _days(days: float | None) -> str:
    return "" if days is None else f"{days:.1f} d"
