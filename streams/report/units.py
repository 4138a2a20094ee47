"""Values of watched columns in the words and units of a clinic, from their scale of [0, 1]."""

import math

from homeostat.detectors.triage.wording import say_signal
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.signal import LOG_DECADES, SignalSpec
from homeostat.schemas.signal_columns import SPREAD, UNSEEN, part_of, signal_of

_UNITS = {"s": "s", "ms": "ms", "words": "words", "count": "", "usd": "USD", "chars": "characters"}

_SUFFIXES = frozenset({"s", "ms", "usd"})


def say_column(name: str) -> str:
    """A column as words.

    >>> say_column("latency_s"), say_column("payer--unseen"), say_column("edit_ratio--spread")
    ('latency', 'payer: other than declared', 'edit ratio: spread')
    """
    part, signal = part_of(name), signal_of(name)
    named = {UNSEEN: "other than declared", SPREAD: "spread"}.get(part, say_signal(part))
    stem, _, unit = signal.rpartition("_")
    return say_signal(stem if stem and unit in _SUFFIXES else signal) + (f": {named}" if part else "")


def to_natural(spec: SignalSpec, unit: float) -> float:
    """The value of a signal that [0, 1] stands for.

    >>> spec = SignalSpec(name="latency_s", family="operations", kind="bounded", direction="up", role="guardrail",
    ...                   tolerance=0.05, high=60.0, clip=True)
    >>> to_natural(spec, 0.5)
    30.0
    """
    linear = math.expm1(unit * math.log1p(LOG_DECADES)) / LOG_DECADES if spec.is_logarithmic else unit
    return spec.low + linear * (spec.high - spec.low)


def is_share(spec: SignalSpec) -> bool:
    """Whether it reads as a percentage."""
    return (spec.low, spec.high) == (0.0, 1.0) and not spec.is_logarithmic


def say_value(spec: SignalSpec, unit: float) -> str:
    """A value with its unit.

    >>> spec = SignalSpec(name="accepted", family="outcome", kind="binary", direction="down", role="guardrail",
    ...                   tolerance=0.1)
    >>> say_value(spec, 0.934)
    '93.4 %'
    """
    if is_share(spec):
        return f"{100 * unit:.1f} %"
    value = to_natural(spec, unit)
    return f"{say_number(value)} {unit_of(spec)}".strip()


def unit_of(spec: SignalSpec) -> str:
    """The unit that a signal's name ends with, if it does."""
    return "%" if is_share(spec) else _UNITS.get(signal_of(spec.name).rpartition("_")[2], "")


def say_difference(spec: SignalSpec, size: float, before: float) -> str:
    """A difference from a value, with its sign: points of a percentage, the signal's unit, or a factor.

    >>> spec = SignalSpec(name="accepted", family="outcome", kind="binary", direction="down", role="guardrail",
    ...                   tolerance=0.1)
    >>> say_difference(spec, -0.05, 0.93)
    '−5.0 points'
    """
    sign = "−" if size < 0 else "+"
    if is_share(spec):
        return f"{sign}{100 * abs(size):.1f} points"
    after = to_natural(spec, min(1.0, max(0.0, before + size)))
    if spec.is_logarithmic and to_natural(spec, before) > 0:
        return f"× {after / to_natural(spec, before):.2f}"
    return f"{sign}{say_number(abs(size) * (spec.high - spec.low))} {unit_of(spec)}".strip()


def say_bound(spec: SignalSpec, size: float, before: float) -> str:
    """A difference from a value without its unit, for an end of its interval.

    >>> spec = SignalSpec(name="accepted", family="outcome", kind="binary", direction="down", role="guardrail",
    ...                   tolerance=0.1)
    >>> say_bound(spec, -0.05, 0.93)
    '−5.0'
    """
    said = say_difference(spec, size, before)
    return said if said.startswith("×") else said.split(" ")[0]


def say_number(value: float) -> str:
    """Three digits or so, thousands apart.

    >>> say_number(1234.5), say_number(12.345), say_number(0.01234)
    ('1,234', '12.3', '0.0123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def say_cohort(cohort: Cohort) -> str:
    """A cohort as words, the clinic first.

    >>> say_cohort(Cohort(layer="tenant", tenant="riverside")), say_cohort(Cohort(layer="platform"))
    ('riverside', 'the whole platform')
    """
    what = ", ".join(part for part in (cohort.specialty, cohort.workflow) if part)
    if not cohort.tenant:
        return f"{what}, all clinics" if what else "the whole platform"
    return f"{cohort.tenant}, {what}{say_arm(cohort)}" if what else cohort.tenant


def say_arm(cohort: Cohort) -> str:
    """The arm of a release trial that a cohort is; empty outside one."""
    return {"candidate": " (release on trial)", "control": " (beside the trial)"}.get(cohort.arm or "", "")


def say_tick(spec: SignalSpec, unit: float) -> str:
    """A value on an axis: without digits that say nothing.

    >>> spec = SignalSpec(name="accepted", family="outcome", kind="binary", direction="down", role="guardrail",
    ...                   tolerance=0.1)
    >>> say_tick(spec, 0.6)
    '60 %'
    """
    return f"{round(100 * unit, 1):g} %" if is_share(spec) else say_value(spec, unit)
