"""How near in time two things must be to have one cause: the slack of an onset, and feedback's delay."""

from typing import Final, NamedTuple

from homeostat.schemas.alarm import Alarm
from homeostat.schemas.cohort import Layer
from homeostat.schemas.policy import Policy
from homeostat.schemas.signal import Carrier, Role
from homeostat.schemas.signal_columns import signal_of

DELAY_SHARE: Final = 0.5
"""What took long to notice is dated less well: an onset may be off by this share of the time that it took."""
MAX_DELAY_MS: Final = 14 * 86_400_000
"""Longer than this no delay widens anything."""


class Nearness(NamedTuple):
    """The correlation window and a session in ms, by signal how old feedback may be, sessions that a leaf remembers."""

    window_ms: int
    session_ms: int
    max_age_ms: dict[str, int]
    memory: int = 512

    def outlasts_memory(self, alarm: Alarm) -> bool:
        """Whether an alarm's change fills what its leaf remembers: then it began before, and nobody can say when."""
        return alarm.cohort.layer is Layer.LEAF and alarm.observed_sessions >= self.memory

    def lag_ms(self, alarm: Alarm) -> int:
        """How much later than its cause an alarm's onset may be: 0 for work, at most feedback's age for feedback.

        What must never be is dated by its first occurrence, however long before that it became possible.
        """
        if alarm.role is Role.NEVER:
            return MAX_DELAY_MS
        if alarm.carrier is not Carrier.FEEDBACK:
            return 0
        longest = max(2 * self.window_ms, 2 * delay_ms(alarm))
        return min(self.max_age_ms.get(signal_of(alarm.signal), longest), longest)


def read_nearness(policy: Policy) -> Nearness:
    """Read it from the policy."""
    ages = {spec.name: round(spec.max_age_s * 1000) for spec in policy.signals if spec.max_age_s is not None}
    return Nearness(
        round(policy.correlation_window_s * 1000),
        round(policy.times.session_s * 1000),
        ages,
        policy.baseline.first_sessions,
    )


def delay_ms(alarm: Alarm) -> int:
    """How long after the earliest likely onset a change was noticed, at most `MAX_DELAY_MS`."""
    return min(max(0, alarm.log_time_ms - alarm.onset_from_ms), MAX_DELAY_MS)


def slack_ms(alarm: Alarm, near: Nearness) -> int:
    """How far an alarm's onset may be off: the correlation window and a session, or a share of the delay if more."""
    return max(near.window_ms + near.session_ms, round(DELAY_SHARE * delay_ms(alarm)))
