"""Totals over scenarios: how many were right, with lower confidence bounds, and how far off onsets were."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from homeostat.detectors.statistics.clopper_pearson import rate_lower_bound
from homeostat.streams.scenarios.score import RIGHTS

CONFIDENCE_DELTA = 0.05
NOTHING = "nothing"
"""The class of a scenario without truth."""


def add_up(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Totals of everything, and by class of truth; a scenario without truth counts as the class `nothing`."""
    truths = [truth for result in results for truth in result["truths"] if truth["detected"] or truth["required"]]
    classes = sorted({truth["class"][0] for truth in truths})
    quiet = [result for result in results if not result["truths"]]
    by_class = {name: _count([t for t in truths if t["class"][0] == name]) for name in classes}
    if quiet:
        by_class[NOTHING] = _count(quiet)
    rates = _count(results)
    weeks = sum(result["days"] for result in results) / 7
    false = sum(result["false_alarms"] for result in results)
    return {
        "scenarios": len(results),
        **{name: rate["share"] for name, rate in rates.items()},
        **_onsets(results),
        "false_alarms": false,
        "false_alarms_per_week": false / weeks if weeks else None,
        "further_events": sum(result["further_events"] for result in results),
        "rates": rates,
        "by_class": by_class,
        "confusion": _confuse(results),
    }


def _count(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in RIGHTS:
        right = sum(bool(row[name]) for row in rows)
        found[name] = {
            "right": right,
            "of": len(rows),
            "share": right / len(rows) if rows else None,
            "lower_95": rate_lower_bound(len(rows), right, CONFIDENCE_DELTA) if rows else None,
        }
    return found


def _onsets(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    truths = [truth for result in results for truth in result["truths"]]
    days = [truth["onset_error_days"] for truth in truths if truth["onset_error_days"] is not None]
    delays = [truth["delay_days"] for truth in truths if truth["delay_days"] is not None]
    return {
        "onset_error": None if not days else fmean(days) * 86_400,
        "onset_error_days": {"mean": fmean(days), "median": median(days), "worst": max(days)} if days else None,
        "delay_days": {"mean": fmean(delays), "median": median(delays), "worst": max(delays)} if delays else None,
    }


def _confuse(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By true class, how often which class was stated; `nothing` for a truth that was missed or a false alarm."""
    table: dict[str, dict[str, int]] = {}
    for result in results:
        stated = {event["event"]: event["class"] for event in result["events"]}
        for truth in result["truths"]:
            _note(table, truth["class"][0], stated.get(truth["event"], NOTHING))
        for event in result["events"]:
            if event["false_alarm"]:
                _note(table, NOTHING, event["class"])
        if not result["truths"] and not result["events"]:
            _note(table, NOTHING, NOTHING)
    return table


def _note(table: dict[str, dict[str, int]], truth: str, stated: str) -> None:
    row = table.setdefault(truth, {})
    row[stated] = row.get(stated, 0) + 1
