"""What is usual for each signal of a runtime, and on what it depends: simulated, chosen to be plausible."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from homeostat.schemas.registries.catalogue import Runtime
from homeostat.schemas.signal import Direction, Family, Kind, Role, SignalSpec, Source
from homeostat.schemas.signal_columns import UNSEEN, categories_of
from homeostat.streams.scenarios.scenario import Scenario

REAL_SIGNALS: Final = frozenset(
    {"edit_ratio", "unsupported_ratio", "omission_ratio", "structure_score", "dialogue_words", "note_words",
     "age_mix", "sex_mix", "embedding"}
)  # fmt: skip
"""What the real notes hold."""

_COMMON: Final[Mapping[str, tuple[float, float]]] = {
    "edit_ratio": (0.22, 0.12),
    "unsupported_ratio": (0.10, 0.06),
    "omission_ratio": (0.18, 0.08),
    "structure_score": (0.82, 0.10),
    "completion_ratio": (0.85, 0.08),
    "field_completeness": (0.85, 0.10),
    "intake_completeness": (0.85, 0.10),
    "quality_score": (0.80, 0.10),
    "accepted": (0.85, 0.0),
    "call_resolved": (0.82, 0.0),
    "overridden": (0.08, 0.0),
    "draft_abandoned": (0.05, 0.0),
    "rewritten_by_hand": (0.06, 0.0),
    "recoded_by_hand": (0.06, 0.0),
    "booked_by_hand": (0.06, 0.0),
    "claim_abandoned": (0.04, 0.0),
    "call_repeated": (0.08, 0.0),
    "escalated": (0.12, 0.0),
    "complaint": (0.02, 0.0),
    "claim_denied": (0.09, 0.0),
    "missing_warning": (0.04, 0.0),
    "missing_questions": (1.2, 1.2),
    "red_flag_missed": (0.01, 0.0),
    "policy_violation": (0.02, 0.0),
    "identity_unverified": (0.02, 0.0),
    "upcoded": (0.015, 0.0),
    "session_yield": (1.0, 0.0),
    "dialogue_words": (1300.0, 450.0),
    "note_words": (320.0, 110.0),
    "source_words": (320.0, 110.0),
    "answer_words": (140.0, 60.0),
    "visit_minutes": (18.0, 7.0),
    "call_minutes": (4.0, 2.2),
    "reading_s": (70.0, 50.0),
    "latency_s": (9.0, 4.0),
    "answer_delay_s": (1.4, 0.7),
    "cost_usd": (0.12, 0.05),
    "days_to_payment": (21.0, 9.0),
    "codes_per_claim": (3.2, 1.6),
    "retrieval_hits": (6.0, 2.5),
    "tool_failures": (0.02, 0.0),
    "checks_bypassed": (0.02, 0.0),
    "triage_steps_ignored": (0.02, 0.0),
    "steps_out_of_order": (0.02, 0.0),
}
_SHARES: Final[Mapping[str, Mapping[str, float]]] = {
    "payer": {"public": 0.45, "private": 0.40, "self-pay": 0.10, "other": 0.05},
    "language": {"english": 0.80, "spanish": 0.15, "other": 0.05},
    "age_mix": {"0-17": 0.12, "18-39": 0.26, "40-64": 0.34, "65-79": 0.19, "80": 0.08, "unknown": 0.01},
    "sex_mix": {"female": 0.55, "male": 0.43, "other": 0.01, "unknown": 0.01},
}
_BILLING: Final[Mapping[str, tuple[float, float]]] = {"edit_ratio": (0.15, 0.10), "latency_s": (40.0, 18.0)}
_DRIVER: Final = {
    Runtime.SCRIBE: "dialogue_words",
    Runtime.RECEPTIONIST: "call_minutes",
    Runtime.BILLING: "source_words",
}
_COMPLETENESS: Final = ("field_completeness", "intake_completeness")


class Figures(NamedTuple):
    """The usual mean and standard deviation in the signal's own unit; of a categorical one the shares."""

    mean: float
    sd: float
    shares: Mapping[str, float]
    carried: float


def figures_of(spec: SignalSpec, scenario: Scenario) -> Figures:
    """What is usual for a signal in a scenario: its own words, else the runtime's, else by kind."""
    mean, sd, shares = _usual(spec, scenario.runtime)
    told = scenario.signals.get(spec.name)
    if told is None:
        return Figures(mean, sd, shares, 1.0)
    if told.categories is not None:
        total = sum(told.categories.values()) or 1.0
        shares = {name.strip("-"): weight / total for name, weight in told.categories.items()}
    new_mean = mean if told.mean is None else told.mean
    scaled = sd * new_mean / mean if told.mean is not None and spec.is_logarithmic and mean else sd
    return Figures(new_mean, scaled if told.sd is None else told.sd, shares, told.carried)


def usual_figures(spec: SignalSpec, runtime: Runtime) -> Figures:
    """What is usual for a signal of a runtime, before a scenario says anything."""
    return Figures(*_usual(spec, runtime), 1.0)


def _usual(spec: SignalSpec, runtime: Runtime) -> tuple[float, float, Mapping[str, float]]:
    if spec.role is Role.NEVER:
        return 0.0, 0.0, {}
    if spec.kind is Kind.CATEGORICAL:
        return 0.0, 0.0, _SHARES.get(spec.name) or _even_shares(spec)
    found = _BILLING.get(spec.name) if runtime is Runtime.BILLING else None
    mean, sd = found or _COMMON.get(spec.name) or _by_kind(spec)
    return mean, sd, {}


def _even_shares(spec: SignalSpec) -> Mapping[str, float]:
    names = [name for name in categories_of(spec) if name != UNSEEN]
    weights = [0.6**place for place in range(len(names))]
    return {name: weight / sum(weights) for name, weight in zip(names, weights, strict=True)}


def _by_kind(spec: SignalSpec) -> tuple[float, float]:
    place = {Direction.UP: 0.2, Direction.DOWN: 0.8, Direction.BOTH: 0.5}[spec.direction]
    width = spec.high - spec.low
    if spec.kind is Kind.BINARY:
        return {Direction.UP: 0.05, Direction.DOWN: 0.95, Direction.BOTH: 0.3}[spec.direction], 0.0
    if spec.source in {Source.MISSING_STEPS, Source.STEP_ORDER, Source.TOOL_FAILURES}:
        return 0.02, 0.0
    if spec.is_logarithmic:
        return spec.low + 0.1 * width, 0.05 * width
    return spec.low + place * width, 0.1 * width


def depends_of(specs: Mapping[str, SignalSpec], scenario: Scenario) -> dict[str, dict[str, float]]:
    """By signal, on which others it depends, in standard deviations each; the scenario's words replace the usual."""
    usual = {name: usual_depends(spec, specs, scenario.runtime) for name, spec in specs.items()}
    return {name: dict(links) for name, links in {**usual, **scenario.depends}.items() if links}


def usual_depends(spec: SignalSpec, specs: Mapping[str, SignalSpec], runtime: Runtime) -> dict[str, float]:
    """Longer and worse documented work gives longer, slower and somewhat worse output; worse output, worse outcomes."""
    driver = _DRIVER[runtime]
    if spec.name == driver or spec.kind in {Kind.CATEGORICAL, Kind.EMBEDDING} or spec.role is Role.NEVER:
        return {}
    worse = -1.0 if spec.direction is Direction.DOWN else 1.0
    links: dict[str, float] = {}
    if spec.name == "visit_minutes":
        links = {driver: 0.8}
    elif spec.name in {"note_words", "answer_words", "codes_per_claim", "cost_usd"}:
        links = {driver: 0.6}
    elif spec.name == "latency_s":
        links = {driver: 0.4}
    elif spec.name in {"unsupported_ratio", "omission_ratio"}:
        links = {driver: 0.25, **dict.fromkeys(_COMPLETENESS, -0.15)}
    elif spec.family is Family.OUTPUT:
        links = {driver: 0.15 * worse}
    elif spec.name in {"edit_ratio", "accepted", "call_resolved"}:
        links = {"unsupported_ratio": 0.3 * worse, "omission_ratio": 0.2 * worse}
    elif spec.family is Family.OUTCOME and spec.kind is not Kind.POSITIVE:
        links = {"unsupported_ratio": 0.15 * worse, "omission_ratio": 0.1 * worse}
    return {name: c for name, c in links.items() if name in specs and name != spec.name}
