"""Was it the release: by the arms of a rollout, or by the time at which a cohort's release changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from homeostat.detectors.triage.beside import Tally
from homeostat.detectors.triage.facts import AGAINST, SHOWN, UNKNOWN, Fact, Weighed, quote, weigh_steady
from homeostat.detectors.triage.moves import Arms, Move
from homeostat.detectors.triage.nearness import Nearness, slack_ms
from homeostat.detectors.triage.remainder import Remainders, split_remainders
from homeostat.detectors.triage.strands import Strand
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.detectors.triage.wording import say_time
from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Layer
from homeostat.schemas.decision import Verdict
from homeostat.schemas.drift_event import DriftClass
from homeostat.schemas.trace import Arm

_LIKELY = 0.75
"""The weight of what no alarm contradicts, though it is not shown."""


class Exposure(NamedTuple):
    """A rollout as an event sees it, and the event's latest possible onset."""

    timeline: RolloutTimeline
    onset_to_ms: int


def weigh_exposed(exposure: Exposure | None, arms: Arms, tallies: Mapping[Strand, Tally]) -> Weighed:
    """Weigh a release on trial: something that a release can move moved on the exposed arm only, after it began.

    The guard's verdict of harm settles it, because it compared the arms at random. Inputs that moved in the other arm
    too rule it out, unless what they leave of the candidate's change is beyond tolerance.
    """
    if exposure is None:
        return _release([Fact(AGAINST, "no rollout of a release is known for the cohorts that moved")])
    moved = [move for move in arms.candidate_only if not move.given]
    judged = exposure.timeline.judged_harmful
    facts = [*_weigh_verdict(exposure.timeline), _weigh_exposed_moves(moved, judged)]
    facts.append(_weigh_times(exposure, decides=not judged))
    if arms.both:
        facts.append(Fact(UNKNOWN if moved else AGAINST, f"both arms moved alike: {quote(arms.both)}"))
    facts.append(_weigh_inputs(arms, moved, tallies, judged))
    return _release(facts)


def weigh_changed(moves: Sequence[Move], tallies: Mapping[Strand, Tally], near: Nearness) -> Weighed:
    """Weigh a release without a rollout: the cohorts' release changed at the onset, and no other cohort moved.

    Parents count where no leaf alarmed, and those whose leaves were all given one release; else it is not known.
    """
    alarms = [move.source for move in moves if isinstance(move.source, Alarm)]
    leaves = [alarm for alarm in alarms if alarm.cohort.layer is Layer.LEAF]
    told = leaves or [alarm for alarm in alarms if alarm.releases]
    at_home = [alarm for alarm in told if alarm.cohort.arm is not Arm.CANDIDATE]
    changed = [alarm for alarm in at_home if is_new_release(alarm, near)]
    movable = [move for move in moves if not move.given]
    if not at_home:
        return _release([Fact(UNKNOWN, "which release the cohorts that moved were given is not said")])
    if not changed:
        return _release([Fact(AGAINST, f"no release changed near the onset: {_say_release(at_home[0])}", True)])
    keys = {each.cohort.key for each in changed}
    kept = [alarm for alarm in at_home if alarm.cohort.key not in keys and not _came_along(alarm, changed, near)]
    facts = [
        Fact(SHOWN, f"the release changed at the onset: {_say_release(changed[0])}"),
        Fact(SHOWN if movable else AGAINST, _say_movable(movable), decides=True),
        _weigh_kept(kept, len({alarm.cohort.key for alarm in changed})),
    ]
    inputs = [move for move in moves if move.given]
    facts.append(_weigh_explained(inputs, split_remainders(movable)) if inputs else _weigh_still(moves, tallies))
    return _release(facts)


def is_new_release(alarm: Alarm, near: Nearness) -> bool:
    """Whether the cohort's newest release began within the onset's interval, give or take the slack.

    Feedback tells of a release as late as its age allows, at most as long as the detection took.
    """
    since_ms, slack = alarm.release_since_ms, slack_ms(alarm, near)
    if since_ms is None:
        return False
    return alarm.onset_from_ms - slack - near.lag_ms(alarm) <= since_ms <= alarm.onset_to_ms + slack


def _came_along(alarm: Alarm, changed: Sequence[Alarm], near: Nearness) -> bool:
    """Whether a cohort was given the release of those that changed before its own onset: what is weak is dated late."""
    since_ms = alarm.release_since_ms
    if since_ms is None or since_ms > alarm.onset_to_ms + slack_ms(alarm, near):
        return False
    return alarm.releases[0] in {each.releases[0] for each in changed}


def _release(facts: Sequence[Fact]) -> Weighed:
    return Weighed(DriftClass.RELEASE_REGRESSION, tuple(facts))


def _weigh_verdict(timeline: RolloutTimeline) -> Iterator[Fact]:
    if timeline.judged_harmful:
        where = f" in {', '.join(timeline.deciding)}" if timeline.deciding else ""
        weight = _LIKELY if timeline.verdict == Verdict.LOW_YIELD else SHOWN
        yield Fact(weight, f"the guard judged the candidate against its control: {timeline.verdict}{where}")


def _weigh_exposed_moves(moved: Sequence[Move], judged: bool) -> Fact:
    if moved:
        return Fact(SHOWN, f"only the exposed arm moved: {quote(moved)}")
    if judged:
        return Fact(UNKNOWN, "no leaf has alarmed on the exposed arm; the guard compared pairs")
    return Fact(AGAINST, "nothing that a release can move has moved on the exposed arm alone")


def _weigh_times(exposure: Exposure, decides: bool) -> Fact:
    timeline = exposure.timeline
    if timeline.began_ms is None:
        reason = f"the beginning of rollout {timeline.rollout}'s exposure was not seen; only it has this arm"
        return Fact(_LIKELY, reason)
    after = exposure.onset_to_ms >= timeline.began_ms
    times = f"onset {say_time(exposure.onset_to_ms)}, exposure from {say_time(timeline.began_ms)}"
    reason = f"the change came {'after' if after else 'before'} the exposure began: {times}"
    return Fact(SHOWN if after else AGAINST, reason, decides)


def _weigh_inputs(arms: Arms, moved: Sequence[Move], tallies: Mapping[Strand, Tally], judged: bool) -> Fact:
    shared = [move for move in (*arms.both, *arms.others) if move.given]
    alone = [move for move in arms.candidate_only if move.given]
    if not shared and not alone:
        return _weigh_still([], tallies)
    remainders = split_remainders(moved)
    if remainders.beyond:
        return Fact(SHOWN, f"the inputs do not explain it: {remainders.say_beyond()}")
    if remainders.within and not remainders.unknown:
        return Fact(AGAINST, f"the inputs explain it: {remainders.say_within()}", decides=not judged)
    if shared:
        return Fact(AGAINST, f"inputs moved in the arm that is not tried: {quote(shared)}", decides=not judged)
    return Fact(UNKNOWN, f"the exposed arm was given other inputs, which a release does not do: {quote(alone)}")


def _weigh_explained(inputs: Sequence[Move], remainders: Remainders) -> Fact:
    if remainders.beyond:
        return Fact(SHOWN, f"the inputs moved too but do not explain it: {remainders.say_beyond()}")
    if remainders.within and not remainders.unknown:
        return Fact(AGAINST, f"the inputs explain it: {remainders.say_within()}", decides=True)
    return Fact(UNKNOWN, f"whether the inputs explain it: {quote(inputs)}")


def _weigh_still(moves: Sequence[Move], tallies: Mapping[Strand, Tally]) -> Fact:
    return weigh_steady((Strand.INPUT,), [move for move in moves if move.given], tallies)._replace(decides=False)


def _weigh_kept(kept: Sequence[Alarm], changed: int) -> Fact:
    if kept:
        reason = f"cohorts moved whose release did not change: {_say_release(kept[0])} ({len(kept)} alarms)"
        return Fact(AGAINST, reason, decides=True)
    return Fact(_LIKELY, f"all {changed} cohorts that moved had changed release; no other one has alarmed")


def _say_movable(movable: Sequence[Move]) -> str:
    return f"moved since: {quote(movable)}" if movable else "only inputs moved, which a release does not do"


def _say_release(alarm: Alarm) -> str:
    newest = alarm.releases[0][7:19] if alarm.releases else "unknown"
    since = "as old as the cohort" if alarm.release_since_ms is None else f"since {say_time(alarm.release_since_ms)}"
    onset = f"onset {say_time(alarm.onset_from_ms)} to {say_time(alarm.onset_to_ms)}"
    return f"release {newest} {since}, {onset}, in {alarm.cohort.key}"
