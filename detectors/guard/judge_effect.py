"""What a rollback has come to at each target: a pure function of reports, times and the policy's limits."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.guard.effect_book import EffectRun
from homeostat.schemas.effect import Aftermath, Outcome, SignalReturn, TargetEffect, WatchedSignal
from homeostat.schemas.policy import Effects
from homeostat.schemas.rollout import RolloutTarget

GRAVEST_FIRST = (
    Outcome.STILL_SERVED,
    Outcome.NOT_RETURNED,
    Outcome.WATCHING,
    Outcome.NOT_SHOWN,
    Outcome.RETURNED,
)
_MOST_SIGNALS = 2_000
_SHOWN = frozenset({Outcome.RETURNED, Outcome.NOT_RETURNED})


class Known(NamedTuple):
    """What a rollback is judged by. `shown_ms` is the newest log time of each source partition."""

    run: EffectRun
    reports: Sequence[Aftermath]
    shown_ms: Mapping[int, int]
    limits: Effects
    now_ms: int


class _Target(NamedTuple):
    """One target's part of what is known; `acknowledged_ms` is None until every cohort's home has heard of it."""

    entry: RolloutTarget
    reports: list[Aftermath]
    acknowledged_ms: int | None
    last: Aftermath | None
    signals: tuple[SignalReturn, ...]
    over: bool


def judge_targets(targets: Sequence[RolloutTarget], known: Known) -> tuple[TargetEffect, ...]:
    """Every target from which something was taken back, in the rollout's order."""
    watched = {signal.signal for report in known.reports for signal in report.signals}
    needed = watched & set(known.run.deciding) or watched
    family = max(1, len(known.run.cohorts) * len(watched))
    taken_back = _index(known.run)
    touched = [entry for entry in targets if _cohorts_of(entry, taken_back)]
    most = max(1, _MOST_SIGNALS // max(1, len(touched)))
    by_place: dict[tuple[str, str], list[Aftermath]] = {}
    for report in known.reports:
        by_place.setdefault((report.tenant, report.workflow), []).append(report)
    found = [_gather(entry, _cohorts_of(entry, taken_back), known, by_place, needed, family) for entry in touched]
    return tuple(_judge(target, known, most) for target in found)


def find_gravest(outcomes: Collection[Outcome]) -> Outcome:
    """The gravest of some outcomes."""
    return next(outcome for outcome in GRAVEST_FIRST if outcome in outcomes)


def _index(run: EffectRun) -> dict[tuple[str, str], dict[str, int]]:
    """By tenant and workflow, and then by specialty, when the release was taken back there."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for each in run.cohorts:
        found.setdefault((each.cohort.tenant, each.cohort.workflow), {})[each.cohort.specialty] = each.since_ms
    return found


def _cohorts_of(entry: RolloutTarget, taken_back: Mapping[tuple[str, str], Mapping[str, int]]) -> dict[str, int]:
    """A target's part of the index."""
    own = taken_back.get((entry.target.tenant, entry.target.workflow), {})
    return {specialty: since_ms for specialty, since_ms in own.items() if specialty in entry.specialties}


def _gather(
    entry: RolloutTarget,
    taken_back: Mapping[str, int],
    known: Known,
    by_place: Mapping[tuple[str, str], Sequence[Aftermath]],
    needed: Collection[str],
    family: int,
) -> _Target:
    own = [
        each for each in by_place.get((entry.target.tenant, entry.target.workflow), ()) if each.specialty in taken_back
    ]
    heard = {each.specialty: each.acknowledged_ms for each in own if each.acknowledged_ms is not None}
    acknowledged_ms = max(heard.values()) if set(heard) == set(taken_back) else None
    last = max((each for each in own if each.last_ms), key=lambda each: each.last_ms, default=None)
    signals = tuple(
        _judge_signal(specialty, watched, watched.signal in needed, known.limits.delta, family)
        for specialty in sorted(taken_back)
        for watched in _join([each for each in own if each.specialty == specialty])
    )
    over = known.now_ms >= max(taken_back.values()) + round(known.limits.watch_s * 1000)
    return _Target(entry, own, acknowledged_ms, last, signals, over)


def _join(reports: Sequence[Aftermath]) -> list[WatchedSignal]:
    """Each signal over all sources of a cohort: their sessions are disjoint, so logs of evidence add up."""
    found: dict[str, WatchedSignal] = {}
    for signal in (signal for report in reports for signal in report.signals):
        held = found.get(signal.signal)
        found[signal.signal] = signal if held is None else _add(held, signal)
    return [found[name] for name in sorted(found)]


def _add(one: WatchedSignal, other: WatchedSignal) -> WatchedSignal:
    sessions = one.sessions + other.sessions
    larger = one if one.sessions >= other.sessions else other
    mean = larger.mean
    if one.mean is not None and other.mean is not None:
        mean = (one.mean * one.sessions + other.mean * other.sessions) / sessions
    evidence = {"within": one.within + other.within, "beyond": one.beyond + other.beyond}
    return larger.model_copy(update={"sessions": sessions, "mean": mean, **evidence})


def _judge_signal(specialty: str, watched: WatchedSignal, needed: bool, delta: float, family: int) -> SignalReturn:
    outcome = Outcome.NOT_SHOWN
    if watched.beyond >= math.log(family / delta):
        outcome = Outcome.NOT_RETURNED
    elif watched.within >= math.log(1.0 / delta):
        outcome = Outcome.RETURNED
    return SignalReturn(specialty=specialty, watched=watched, outcome=outcome, needed=needed)


def _judge(target: _Target, known: Known, most: int) -> TargetEffect:
    outcome, reason = _find_outcome(target, known)
    order = sorted(target.signals, key=lambda each: (GRAVEST_FIRST.index(each.outcome), not each.needed))
    return TargetEffect(
        target=target.entry.target,
        outcome=outcome,
        acknowledged_ms=target.acknowledged_ms,
        traces_before=sum(each.traces_before for each in target.reports),
        traces_after=sum(each.traces_after for each in target.reports),
        last_ms=0 if target.last is None else target.last.last_ms,
        last_trace=None if target.last is None else target.last.last_trace,
        signals=tuple(order[:most]),
        reason=reason[:2000],
    )


def _find_outcome(target: _Target, known: Known) -> tuple[Outcome, str]:
    """In this order: not confirmed, still in use, worse than before, not gone for long enough, not enough seen."""
    limits, acknowledged_ms = known.limits, target.acknowledged_ms
    open_end = Outcome.NOT_SHOWN if target.over else Outcome.WATCHING
    if acknowledged_ms is None:
        return open_end, "its gateway has not confirmed"
    last_ms = 0 if target.last is None else target.last.last_ms
    after_s, quiet_s = (last_ms - acknowledged_ms) / 1000, _quiet_s(target, known, acknowledged_ms)
    if after_s > limits.linger_s and quiet_s < limits.quiet_s:
        return Outcome.STILL_SERVED, f"work carries the release {after_s:.0f} s after its end > {limits.linger_s:g} s"
    worse = [each for each in target.signals if each.outcome is Outcome.NOT_RETURNED]
    if worse:
        return Outcome.NOT_RETURNED, _describe(worse, "not within tolerance of its baseline")
    if quiet_s < limits.quiet_s:
        return open_end, f"{quiet_s:.0f} s since the last work that carries it < {limits.quiet_s:g} s"
    missing = [each for each in target.signals if each.needed and each.outcome not in _SHOWN]
    if missing:
        return open_end, _describe(missing, "not shown to be within tolerance of its baseline")
    needed = [each for each in target.signals if each.needed]
    if not needed:
        return open_end, "no guardrail can be held against a baseline"
    return Outcome.RETURNED, f"gone for {quiet_s:.0f} s; {_describe(needed, 'within tolerance of its baseline')}"


def _quiet_s(target: _Target, known: Known, acknowledged_ms: int) -> float:
    """How long the sources have gone on since the last trace, or since the acknowledgement."""
    since_ms = max(acknowledged_ms, 0 if target.last is None else target.last.last_ms)
    heard_ms = min((known.shown_ms.get(each.source_partition, 0) for each in target.reports), default=0)
    return max(0.0, (heard_ms - since_ms) / 1000)


def _describe(signals: Sequence[SignalReturn], what: str) -> str:
    """`edit_ratio 0.310 against 0.200 ± 0.05 (n=40 sessions) in cardiology: not shown …`, and how many more."""
    first = signals[0]
    watched = first.watched
    observed = "unknown" if watched.mean is None else f"{watched.mean:.3f}"
    baseline = "no baseline" if watched.baseline is None else f"{watched.baseline:.3f} ± {watched.tolerance:g}"
    more = f", and {len(signals) - 1} more" if len(signals) > 1 else ""
    numbers = f"{observed} against {baseline} (n={watched.sessions} sessions)"
    return f"{watched.signal} {numbers} in {first.specialty}{more}: {what}"
