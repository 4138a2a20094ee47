"""The scorecard of a release: control, candidate, difference, interval and verdict of each signal and cohort."""

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from homeostat.detectors.fixed_point import decode_value
from homeostat.detectors.guard.evidence_book import CohortKey
from homeostat.schemas.decision import Health
from homeostat.schemas.signal import Family, SignalSpec
from homeostat.streams.rollouts.standing import Seen, Standing, say_duration

TITLES = ("cohort", "signal", "control", "candidate", "difference", "interval", "tolerance", "verdict", "power")


class Line(NamedTuple):
    """One signal in one cohort. Means are on the signal's scale [0, 1], None where no session was counted.

    The difference and its interval are of pairs, in the direction of harm: above 0 is worse, whichever way that is.
    """

    cohort: CohortKey
    signal: str
    control: float | None
    candidate: float | None
    difference: float | None
    interval: tuple[float, float]
    tolerance: float
    health: Health
    pairs: int
    reached_ratio: float
    until_s: float | None
    change: str

    def row(self) -> tuple[str, ...]:
        """The line as cells of a table."""
        lower, upper = self.interval
        return (
            "/".join(self.cohort),
            self.signal,
            _number(self.control),
            _number(self.candidate),
            _number(self.difference, sign=True),
            f"{lower:+.3f} to {upper:+.3f}",
            f"{self.tolerance:g}",
            f"{self.health}, {self.change}",
            f"{self.pairs} pairs, {self.reached_ratio:.0%} of the evidence needed, {say_duration(self.until_s)}",
        )


class Scorecard(NamedTuple):
    """A release on trial, scored; `improved` and `regressed` are cohorts × signals shown by their intervals."""

    standing: Standing
    lines: list[Line]
    improved: list[str]
    regressed: list[str]
    safety: list[str]
    missing: list[str]


def score(standing: Standing) -> Scorecard:
    """Score a rollout on the evidence that there is; says what it cannot name."""
    columns = {spec.name: spec for spec in standing.policy.columns}
    lines = [_line(standing, seen) for seen in standing.seen]
    safety = [line for line in lines if _family(columns, line) is Family.SAFETY]
    unnamed = [line for line in lines if line.change == "unknown"]
    missing = [f"{'/'.join(line.cohort)}: {line.signal}: too little evidence to name it" for line in unnamed]
    return Scorecard(
        standing,
        lines,
        [_say(line) for line in lines if line.change == "improved"],
        [_say(line) for line in lines if line.change == "regressed"],
        _sum_up_safety(safety),
        [*missing, *_say_unjudged(standing)],
    )


def _line(standing: Standing, seen: Seen) -> Line:
    cell, measure = seen.cell, seen.cell.measure
    parts = [
        part.guardrails[measure.signal]
        for part in standing.evidence.of_cohort(standing.rollout, cell.cohort.cohort)
        if measure.signal in part.guardrails
    ]
    return Line(
        cell.cohort.cohort,
        measure.signal,
        _mean(sum(p.control_sum for p in parts), sum(p.control_sessions for p in parts)),
        _mean(sum(p.candidate_sum for p in parts), sum(p.candidate_sessions for p in parts)),
        measure.mean_difference,
        seen.interval,
        measure.tolerance,
        cell.health,
        measure.pairs,
        max(0.0, min(1.0, cell.log_e_non_inferior / cell.limit_non_inferior)),
        seen.until_s,
        _change(seen),
    )


def _change(seen: Seen) -> str:
    """What the interval shows: only an end on the other side of nothing, or of the tolerance, is a change."""
    lower, upper = seen.interval
    if seen.cell.health is Health.HARMFUL or lower > 0:
        return "regressed"
    if upper < 0:
        return "improved"
    return "within tolerance" if upper <= seen.cell.measure.tolerance else "unknown"


def _sum_up_safety(lines: list[Line]) -> list[str]:
    by_signal: dict[str, list[Line]] = {}
    for line in lines:
        by_signal.setdefault(line.signal, []).append(line)
    if not by_signal:
        return ["no guardrail of this plan is a safety signal: safety is not judged"]
    return [_safety_of(signal, of) for signal, of in by_signal.items()]


def _safety_of(signal: str, lines: list[Line]) -> str:
    pairs = sum(line.pairs for line in lines)
    if not pairs:
        return f"{signal}: unknown, 0 pairs"
    mean = sum((line.difference or 0.0) * line.pairs for line in lines) / pairs
    harmful = ["/".join(line.cohort) for line in lines if line.health is Health.HARMFUL]
    return f"{signal}: {mean:+.4f} over {pairs} pairs{'; harmful in ' + ', '.join(harmful) if harmful else ''}"


def _say_unjudged(standing: Standing) -> list[str]:
    judged = {guardrail.signal for guardrail in standing.plan.guardrails}
    others = [spec.name for spec in standing.policy.columns if spec.name not in judged]
    said = f"signals without a verdict, as they are no guardrails of this plan: {', '.join(others)}"
    return [*([said] if others else []), *standing.notes]


def _mean(total: int, sessions: int) -> float | None:
    if not sessions:
        return None
    return float(decode_value(total)) / sessions


def _family(columns: dict[str, SignalSpec], line: Line) -> Family | None:
    spec = columns.get(line.signal)
    return None if spec is None else spec.family


def _say(line: Line) -> str:
    lower, upper = line.interval
    difference = _number(line.difference, sign=True)
    return f"{line.signal} in {'/'.join(line.cohort)}: {difference} ({lower:+.3f} to {upper:+.3f})"


def _number(value: float | None, sign: bool = False) -> str:
    return "unknown" if value is None else f"{value:+.3f}" if sign else f"{value:.3f}"


def to_json(card: Scorecard) -> dict[str, Any]:
    """The scorecard for programs."""
    return {
        "rollout": card.standing.rollout,
        "title": card.standing.plan.rollout.title,
        "phase": card.standing.phase,
        "candidate": card.standing.plan.rollout.candidate,
        "control": card.standing.plan.rollout.control,
        "lines": [{**line._asdict(), "cohort": "/".join(line.cohort)} for line in card.lines],
        "improved": card.improved,
        "regressed": card.regressed,
        "safety": card.safety,
        "cannot_name": card.missing,
    }


def render_page(card: Scorecard) -> str:
    """One HTML page that asks nothing of the network; what came from a document is escaped."""
    template = _environment().get_template("scorecard.html.j2")
    return template.render(card=card, titles=TITLES, css=Markup(_read("page.css")))  # noqa: S704 # a file of ours


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_read),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read(name: str) -> str:
    package = "homeostat.streams.report" if name.endswith(".css") else "homeostat.streams.rollouts"
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")
