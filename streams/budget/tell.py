"""The answer of `homeostat budget` as lines for people."""

from collections.abc import Iterator
from typing import Any


def say_budget(told: dict[str, Any]) -> Iterator[str]:
    """What is declared, and whether it holds."""
    budget, monitors = told["budget"], told["monitors"]
    yield (
        f"budget: {budget['false_alarms_per_week']:g} false alarms a week for the platform, over at most "
        f"{budget['expected_monitors']:,} monitors: {budget['a_monitor_a_week']:.3g} a monitor and week, "
        f"at evidence {budget['alarm_threshold']:g}"
    )
    tenants = told["tenants"]
    if tenants is not None:
        kept = "holds" if tenants["holds"] else "DOES NOT HOLD"
        yield (
            f"a tenant: {tenants['cap_a_week']:g} a week over at most {tenants['declared']:,} monitors; the largest, "
            f"{tenants['largest']}, has {tenants['largest_monitors']:,}: {kept}"
        )
    coming = monitors["active"] + monitors["collecting"]
    share = f"{coming:,} of {monitors['declared']:,} monitors"
    if monitors["holds"]:
        yield f"the declaration holds: {share} ({monitors['active']:,} active, {monitors['collecting']:,} collecting)"
    else:
        yield (
            f"THE DECLARATION DOES NOT HOLD: {share}, so up to "
            f"{monitors['alarms_a_week_when_all_are_active']:.2g} false alarms a week, not "
            f"{budget['false_alarms_per_week']:g}: declare expected_monitors: {coming}"
        )
    baselines = told["baselines"]
    yield (
        f"baselines: {baselines['bounds']:,} bounds at δ = {baselines['delta']:g}: {baselines['expected_wrong']:.2g} "
        "of them wrong on average, at the seal or by what is learned later; no head start"
    )


def spent_rows(told: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Layer, cohorts, monitors active, collecting, Σ w / A a week."""
    for row in told["monitors"]["layers"]:
        counts = (f"{row['cohorts']:,}", f"{row['active']:,}", f"{row['collecting']:,}")
        yield (row["layer"], *counts, f"{row['alarms_a_week_at_most']:.3g}")


def signal_rows(told: dict[str, Any], layer: str) -> Iterator[tuple[str, ...]]:
    """Signal and side, monitors, those with useful power, and the medians: smallest shift, delay of the one asked."""
    for row in told["signals"]:
        if row["layer"] == layer:
            least, beyond = row["smallest_tolerances"], row["alarms_as_it_is"]
            yield (
                f"{row['signal']} {say_side(row)}",
                row["role"],
                f"{row['useful']:,} of {row['monitors']:,}",
                "none" if least is None else f"{least:.1f} τ",
                say_delay(row),
                f"{beyond:,} alarm as it is" if beyond else "",
            )


def cohort_rows(told: dict[str, Any], word: str, top: int) -> Iterator[tuple[str, ...]]:
    """Cohort, signal, sessions a day, baseline, smallest shift noticed in time, the delay of the one asked, volume.

    The `top` cohorts by volume among those whose name has `word`.
    """
    by_cohort: dict[str, list[dict[str, Any]]] = {}
    for row in told["power"]:
        if word in row["cohort"]:
            by_cohort.setdefault(row["cohort"], []).append(row)
    volume = {cohort: max(row["sessions_a_day"] for row in rows) for cohort, rows in by_cohort.items()}
    for cohort in sorted(volume, key=lambda cohort: (-volume[cohort], cohort))[:top]:
        for row in by_cohort[cohort]:
            yield _cohort_row(row)


def _cohort_row(row: dict[str, Any]) -> tuple[str, ...]:
    smallest, least = row["smallest"], "none"
    if smallest is not None:
        tolerances = "" if smallest["tolerances"] is None else f" ({smallest['tolerances']:.1f} τ)"
        least = f"{smallest['to']:.3g}{tolerances}"
    return (
        row["cohort"],
        f"{row['signal']} {say_side(row)}",
        f"{row['sessions_a_day']:,.3g}",
        f"{row['baseline']:.3g}",
        least,
        say_delay(row),
        "" if row["sessions_a_day_needed"] is None else f"{row['sessions_a_day_needed']:,.3g}",
    )


def say_side(row: dict[str, Any]) -> str:
    """The side of a row's monitor."""
    return "↑" if row["direction"] == "up" else "↓"


def say_delay(row: dict[str, Any]) -> str:
    """Sessions and time of a row."""
    return "not noticed" if row["days"] is None else f"{row['sessions']:,.0f} in {say_days(row['days'])}"


def say_small(told: dict[str, Any], top: int) -> Iterator[str]:
    """Cohorts too small for useful power."""
    small, question = told["too_small"], told["question"]
    wanted = f"{question['tolerances']:g} tolerances within {say_days(question['within_days'])}"
    if not small and not told["power"]:
        yield "no cohort was seen: nothing is watched (were its traces refused? homeostat backtest says)"
        return
    if not small:
        yield f"every cohort would notice a shift of {wanted} on some guardrail"
        return
    count = sum(each["count"] for each in small)
    yield f"{count:,} cohorts would not notice a shift of {wanted} on any guardrail:"
    for each in small[:top]:
        alike = f" ({each['count']:,})" if each["count"] > 1 else ""
        yield f"  {each['cohort']}{alike}: {_say_need(each)}"
    if len(small) > top:
        yield f"  and {len(small) - top:,} more (--top, or --json)"


def _say_need(each: dict[str, Any]) -> str:
    a_day, collects = f"{each['sessions_a_day']:.3g} sessions a day", each["collects"]
    if collects is not None:
        left = "" if collects["days_left"] is None else f", {say_days(collects['days_left'])} more"
        return f"{a_day}, collects its first reference: {collects['sessions']} of {collects['of']} sessions{left}"
    if each["sessions_a_day_needed"] is None:
        return f"{a_day}; no volume is enough: the baseline's bound is wider than that"
    return f"{a_day}, {each['signal']} needs {each['sessions_a_day_needed']:,.3g}"


def say_days(days: float) -> str:
    """A time in the unit that suits it.

    >>> say_days(0.02), say_days(0.5), say_days(3.0), say_days(400.0)
    ('29 min', '12.0 h', '3.0 days', '57 weeks')
    """
    if days < 1.0 / 24.0:
        return f"{days * 1440.0:.0f} min"
    if days < 1.0:
        return f"{days * 24.0:.1f} h"
    return f"{days:.1f} days" if days < 60.0 else f"{days / 7.0:,.0f} weeks"
