"""The gateway's judgement: which desired states it obeys, and what each session gets. No Kafka, no clock, no disk."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import derive_id, digest_bytes
from homeostat.schemas.command import DesiredState, Exposure
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.exposure import SessionStart
from homeostat.schemas.lease import Lease
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Mode, Target
from homeostat.schemas.trace import Arm, OutputProperty
from homeostat.streams.client.gateway.arms import assign_candidate
from homeostat.streams.client.gateway.lease_clock import HeldLease, LeaseClock, LeaseState, Moment

if TYPE_CHECKING:  # the rules are loaded without a disk
    from homeostat.streams.client.gateway.store import GatewayStore

_SEQUENCER = frozenset({SignerRole.SEQUENCER})
_GUARD = frozenset({SignerRole.GUARD})


class Offered(NamedTuple):
    """A verified desired state; `repeat` when this very state is what the target already has."""

    state: DesiredState
    state_digest: str
    repeat: bool


class Shadow(NamedTuple):
    """What runs beside a session, under a session id of its own; nobody is given its output."""

    release: str
    manifest: ReleaseManifest
    session: str


class Serving(NamedTuple):
    """What one session should get; `step` is that of the exposure that chose the arm."""

    release: str
    manifest: ReleaseManifest
    arm: Arm
    rollout: str | None
    generation: int
    step: int = 0
    shadow: Shadow | None = None

    def start(self, specialty: str, session: str, at_ms: int) -> SessionStart:
        """What is to be reported of a session that gets this under a rollout."""
        return SessionStart(
            specialty=specialty,
            rollout=self.rollout or "",
            arm=self.arm,
            session=session,
            started_at_ms=at_ms,
            step=self.step,
        )


class ExposureView(NamedTuple):
    """An exposure of a desired state, and whether it may be served now; `left_ms` is 0 where it may not."""

    exposure: Exposure
    lease_state: LeaseState
    left_ms: int

    @property
    def alive(self) -> bool:
        """Whether sessions may be given the candidate now."""
        return self.lease_state is LeaseState.ALIVE


class TargetView(NamedTuple):
    """A desired state and what its leases permit at one moment."""

    state: DesiredState
    exposures: tuple[ExposureView, ...]


class GatewayCore:
    """The desired states and leases of one gateway, and the rules by which they are obeyed."""

    def __init__(self, gateway: str, trust: TrustStore, states: Mapping[str, DesiredState], leases: LeaseClock) -> None:
        self.gateway = gateway
        self._trust = trust
        self._states = dict(states)
        self._leases = leases

    @classmethod
    def load(cls, gateway: str, trust: TrustStore, store: "GatewayStore") -> "GatewayCore":
        """A core that knows what a store has kept."""
        return cls(gateway, trust, store.load_states(), LeaseClock(store.load_renewals()))

    @property
    def states(self) -> Mapping[str, DesiredState]:
        """By target key, what each target has been told to serve."""
        return self._states

    def check_state(self, key: bytes, envelope: bytes) -> Offered:
        """Verify a desired state against its key, its signature and what this gateway already has.

        Raises `SignatureRefused` with the reason: bad signature or role, wrong target, old generation, old
        quarantine, quarantined release.
        """
        payload = self._trust.verify(envelope, DesiredState.ce_type, _SEQUENCER)
        state, _ = parse_message(DesiredState, payload)
        digest = digest_bytes(payload)
        if state.target.gateway != self.gateway or key.decode("utf-8", "replace") != state.target.key:
            raise SignatureRefused(Refusal.WRONG_TARGET, f"for {state.target.key}")
        held = self._states.get(state.target.key)
        if held == state:
            return Offered(state, digest, repeat=True)
        self._check_progress(held, state)
        return Offered(state, digest, repeat=False)

    def _check_progress(self, held: DesiredState | None, state: DesiredState) -> None:
        if held is not None and state.quarantine_version < held.quarantine_version:
            raise SignatureRefused(
                Refusal.OLD_QUARANTINE, f"version {state.quarantine_version} < {held.quarantine_version} held"
            )
        if held is not None and state.generation <= held.generation:
            raise SignatureRefused(Refusal.OLD_GENERATION, f"generation {state.generation} ≤ {held.generation} held")
        banned = sorted(_find_banned(state))
        if banned:
            raise SignatureRefused(Refusal.QUARANTINED_RELEASE, banned[0])

    def obey(self, offered: Offered) -> None:
        """Take over a state that `check_state` gave and that has been applied durably."""
        self._states[offered.state.target.key] = offered.state

    def check_lease(self, envelope: bytes) -> Lease:
        """Verify a lease renewal. Raises `SignatureRefused`."""
        lease, _ = parse_message(Lease, self._trust.verify(envelope, Lease.ce_type, _GUARD))
        return lease

    def renew(self, lease: Lease, now: Moment) -> bool:
        """Start the clock of a renewal; False for one that is not newer."""
        return self._leases.renew(lease, now)

    def judge_exposure(self, exposure: Exposure, now: Moment) -> LeaseState:
        """Whether an exposure may be served now."""
        return self.judge_lease(exposure.lease, now)

    def judge_lease(self, lease_id: str, now: Moment) -> LeaseState:
        """Whether a lease permits exposure now."""
        return self._leases.judge(lease_id, now)

    def serve(
        self,
        target: Target,
        specialty: str,
        session: str,
        now: Moment,
        properties: Collection[OutputProperty] = (),
    ) -> Serving | None:
        """What a session of that target and specialty gets now; None for a target without a desired state.

        `properties` are what the work is about, as far as it is known before it begins.
        """
        state = self._states.get(target.key)
        if state is None:
            return None
        release, manifest = _find_own(state, specialty)
        exposure = self._find_exposure(state, specialty, now)
        if exposure is None or not _is_chosen(exposure, properties):
            return Serving(release, manifest, Arm.BASELINE, None, state.generation)
        trial = exposure.rollout, state.generation, exposure.step
        if exposure.mode is Mode.SHADOW:
            beside = Shadow(exposure.candidate, exposure.manifest, derive_id("shadow", exposure.rollout, session))
            return Serving(release, manifest, Arm.CONTROL, *trial, beside)
        if assign_candidate(exposure.rollout, session, exposure.share):
            return Serving(exposure.candidate, exposure.manifest, Arm.CANDIDATE, *trial)
        return Serving(release, manifest, Arm.CONTROL, *trial)

    def count_exposed(self, now: Moment) -> int:
        """Target × specialty pairs that would be given a candidate now."""
        return sum(
            len(exposure.specialties)
            for state in self._states.values()
            for exposure in state.exposures
            if self.judge_exposure(exposure, now) is LeaseState.ALIVE
        )

    def view(self, now: Moment) -> list[TargetView]:
        """Every target as it stands now, by target key."""
        found = (self.view_target(key, now) for key in sorted(self._states))
        return [view for view in found if view is not None]

    def view_target(self, key: str, now: Moment) -> TargetView | None:
        """One target as it stands now; None where it has no desired state."""
        state = self._states.get(key)
        if state is None:
            return None
        exposures = (
            ExposureView(each, self.judge_exposure(each, now), self._leases.left_ms(each.lease, now))
            for each in state.exposures
        )
        return TargetView(state, tuple(exposures))

    def leases(self) -> list[HeldLease]:
        """Every renewal that this process has seen, the newest of each lease."""
        return self._leases.held()

    def _find_exposure(self, state: DesiredState, specialty: str, now: Moment) -> Exposure | None:
        for exposure in state.exposures:
            if specialty in exposure.specialties and self.judge_exposure(exposure, now) is LeaseState.ALIVE:
                return exposure
        return None


def _find_own(state: DesiredState, specialty: str) -> tuple[str, ReleaseManifest]:
    """What a specialty is given while nothing is exposed to it."""
    for variant in state.variants:
        if specialty in variant.specialties:
            return variant.release, variant.manifest
    return state.baseline, state.manifest


def _is_chosen(exposure: Exposure, properties: Collection[OutputProperty]) -> bool:
    """Whether an exposure's flag lets this work be of the trial at all; without a flag all is."""
    flag = exposure.flag
    if flag is None:
        return True
    wanted, known = set(flag.only_properties), set(properties)
    return not (set(flag.except_properties) & known) and (not wanted or bool(wanted & known))


def _find_banned(state: DesiredState) -> set[str]:
    """Releases that a state would have served although it says that they must not be."""
    served = {state.baseline, *(each.candidate for each in state.exposures), *(each.release for each in state.variants)}
    banned = served & set(state.quarantine)
    elsewhere = {specialty for variant in state.variants for specialty in variant.specialties}
    for barred in state.barred:
        from_them = set(barred.specialties)
        exposed = any(
            each.candidate == barred.release and from_them & set(each.specialties) for each in state.exposures
        )
        varied = any(each.release == barred.release and from_them & set(each.specialties) for each in state.variants)
        if exposed or varied or (state.baseline == barred.release and from_them - elsewhere):
            banned.add(barred.release)
    return banned
