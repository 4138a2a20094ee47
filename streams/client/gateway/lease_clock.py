"""When an exposure must end: two clocks, whichever says so first, and no trust in either after a restart."""

from dataclasses import dataclass
from enum import StrEnum

from homeostat.schemas.lease import Lease
from homeostat.schemas.rollout import RolloutPhase


class LeaseState(StrEnum):
    """Whether a lease permits exposure now, and if not, why."""

    ALIVE = "alive"
    UNKNOWN = "unknown"
    ENDED = "ended"
    EXPIRED = "expired"
    CLOCK_OFF = "clock_off"


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks, in ms: wall since the epoch, monotonic since anything."""

    wall_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A renewal and the moment at which this process first saw it."""

    lease: Lease
    seen: Moment

    def judge(self, now: Moment) -> LeaseState:
        """ALIVE until the wall clock reaches expires − skew, or the ttl has passed on the monotonic clock.

        A wall clock that is behind the renewal's evaluation, or that has moved against the monotonic clock, by more
        than the allowed skew is off: exposure ends.
        """
        lease = self.lease
        if lease.phase is not RolloutPhase.EXPOSING:
            return LeaseState.ENDED
        drift_ms = (now.wall_ms - self.seen.wall_ms) - (now.mono_ms - self.seen.mono_ms)
        if abs(drift_ms) > lease.skew_ms or now.wall_ms < lease.evaluated_at_ms - lease.skew_ms:
            return LeaseState.CLOCK_OFF
        if now.wall_ms >= lease.expires_ms - lease.skew_ms or now.mono_ms - self.seen.mono_ms >= lease.ttl_ms:
            return LeaseState.EXPIRED
        return LeaseState.ALIVE

    def left_ms(self, now: Moment) -> int:
        """How long it permits exposure still, if it is not renewed; 0 where it does not."""
        if self.judge(now) is not LeaseState.ALIVE:
            return 0
        lease = self.lease
        on_wall_ms = lease.expires_ms - lease.skew_ms - now.wall_ms
        return min(on_wall_ms, lease.ttl_ms - (now.mono_ms - self.seen.mono_ms))


class LeaseClock:
    """The leases of one gateway. `renewals` are the numbers seen before this process began: they count no more."""

    def __init__(self, renewals: dict[str, int]) -> None:
        self._renewals = dict(renewals)
        self._held: dict[str, HeldLease] = {}

    def renew(self, lease: Lease, now: Moment) -> bool:
        """Take over a renewal; False for one that is not newer than what was seen."""
        if lease.renewal <= self._renewals.get(lease.lease, -1):
            return False
        self._renewals[lease.lease] = lease.renewal
        self._held[lease.lease] = HeldLease(lease, now)
        return True

    def judge(self, lease_id: str, now: Moment) -> LeaseState:
        """Whether the lease permits exposure now."""
        held = self._held.get(lease_id)
        return LeaseState.UNKNOWN if held is None else held.judge(now)

    def left_ms(self, lease_id: str, now: Moment) -> int:
        """How long the lease permits exposure still; 0 where it does not."""
        held = self._held.get(lease_id)
        return 0 if held is None else held.left_ms(now)

    def held(self) -> list[HeldLease]:
        """Every renewal that this process has seen, the newest of each lease."""
        return list(self._held.values())
