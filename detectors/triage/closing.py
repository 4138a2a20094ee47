"""When an event ends, and why."""

from collections.abc import Mapping

from homeostat.detectors.triage.lattice import covers
from homeostat.detectors.triage.nearness import MAX_DELAY_MS
from homeostat.detectors.triage.open_event import OpenEvent, in_arm
from homeostat.detectors.triage.timeline import RolloutTimeline
from homeostat.schemas.cohort import Cohort
from homeostat.schemas.command import Acknowledgement
from homeostat.schemas.effect import Effect, Outcome
from homeostat.schemas.rollout import Rollout

QUIET_WINDOWS = 2
"""An event is quiet after this many correlation windows without an alarm, or after this many times ..."""
QUIET_DELAYS = 3
"""... the longest that one of its alarms took: a change that persisted would have alarmed again by then."""


def find_quiet_ms(event: OpenEvent, window_ms: int) -> int:
    """How long an event may go without an alarm: a few windows, or as often as long as its slowest alarm took.

    After an alarm a monitor begins anew, and takes about as long again where the change persists: a cohort of five
    notes a week is quiet for weeks without having returned. No delay counts for more than `MAX_DELAY_MS`.
    """
    return max(QUIET_WINDOWS * window_ms, QUIET_DELAYS * min(event.longest_ms, MAX_DELAY_MS))


def why_quiet(event: OpenEvent, now_ms: int, window_ms: int) -> str | None:
    """The reason to close an event that has gone quiet, or None."""
    quiet_ms, limit_ms = now_ms - event.last_alarm_ms, find_quiet_ms(event, window_ms)
    if quiet_ms <= limit_ms:
        return None
    numbers = f"no alarm for {quiet_ms / 1000:.0f} s > {limit_ms / 1000:.0f} s ({event.alarms} alarms in all)"
    return f"quiet: {numbers}; a change that persisted would have alarmed again"


def why_ended(
    event: OpenEvent, timeline: RolloutTimeline, answers: tuple[int, int], now_ms: int, window_ms: int
) -> str | None:
    """The reason to close the event of a promoted rollout, or None; `answers` are targets that confirmed, of all.

    It closes when every target has confirmed, or after a window of quiet.
    """
    if timeline.ended_ms is None:
        return None
    acknowledged, targets = answers
    quiet_ms = now_ms - event.last_alarm_ms
    if acknowledged == targets or (quiet_ms > window_ms and now_ms - timeline.ended_ms > window_ms):
        return f"its rollout ended ({timeline.phase.value}), {acknowledged} of {targets} targets confirmed"
    return None


def is_contradicted(effect: Effect | None, event: OpenEvent) -> bool:
    """Whether an alarm came after the last word on a rollback: that word is none on this event."""
    return effect is not None and effect.final and event.last_alarm_ms > effect.log_time_ms


def why_over(effect: Effect | None, timeline: RolloutTimeline, now_ms: int, watch_ms: int) -> str | None:
    """The reason to close the event of a release that was taken back, or None while its effect is not known.

    It closes when its signals are shown to have returned, or when the time to show it is over: then it says so. An
    effect that is shown to be missing closes nothing.
    """
    if effect is not None and effect.final:
        return {
            Outcome.RETURNED: f"signals_returned: {effect.reason}"[:1000],
            Outcome.NOT_SHOWN: f"not_shown: {effect.reason}"[:1000],
        }.get(effect.outcome)
    silent_ms = now_ms - (timeline.ended_ms or 0)
    if effect is None and silent_ms > 2 * watch_ms:
        return f"not_shown: nothing was heard of its effect for {silent_ms / 1000:.0f} s > {2 * watch_ms / 1000:.0f} s"
    return None


def is_missing(effect: Effect | None) -> bool:
    """Whether it is shown that a rollback has not worked: the release is still in use, or signals are still worse."""
    return effect is not None and effect.outcome in {Outcome.STILL_SERVED, Outcome.NOT_RETURNED}


def why_accepted(event: OpenEvent) -> str | None:
    """The reason to close an event once a new baseline is sealed for every cohort that moved, or None."""
    cohorts = event.leaves or event.parents
    if not cohorts or event.rest_tags is not None or not set(cohorts) <= set(event.accepted):
        return None
    return f"baseline accepted: a new one is being sealed for {', '.join(sorted(cohorts))}"[:1000]


def accept_baseline(event: OpenEvent, sealed: Cohort) -> bool:
    """Note that a new baseline is to be sealed for a cohort; gives whether the event has it."""
    cohorts = (event.leaves or event.parents).items()
    hit = [key for key, cohort in cohorts if covers(sealed, in_arm(cohort, sealed.arm) if sealed.arm else cohort)]
    new = [key for key in hit if key not in event.accepted]
    event.accepted += new
    return bool(new)


def count_acknowledged(
    timeline: RolloutTimeline, rollouts: Mapping[str, Rollout], acknowledged: Mapping[str, Acknowledgement]
) -> tuple[int, int]:
    """How many targets have confirmed a rollout's end, of how many; (0, 0) before it ends."""
    rollout = rollouts.get(timeline.rollout)
    if rollout is None or timeline.ended_ms is None:
        return 0, 0
    acks = [acknowledged.get(entry.target.key) for entry in rollout.targets]
    return sum(ack is not None and ack.at_ms >= timeline.ended_ms for ack in acks), len(acks)
