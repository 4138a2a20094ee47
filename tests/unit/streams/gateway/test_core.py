"""What a gateway obeys, and what it refuses with which reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import DesiredState, Exposure
from homeostat.schemas.errors import PoisonRecord, SignatureRefused
from homeostat.schemas.lease import Lease
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase, Target
from homeostat.schemas.trace import Arm
from homeostat.streams.client.gateway.core import GatewayCore
from homeostat.streams.client.gateway.lease_clock import LeaseClock, Moment
from tests.builders.documents import BASELINE, BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, ROLLOUT_ID, START_MS
from tests.builders.keys import GATEWAY, sign, trust

TARGET = Target(gateway=GATEWAY, tenant="tenant-1", workflow="scribe")
KEY = TARGET.key.encode()
LEASE = derive_id("lease")
NOW = Moment(START_MS, 0)


def state(generation: int = 1, exposed: bool = False, **fields: object) -> DesiredState:
    exposure = Exposure(
        specialties=("cardiology",),
        rollout=ROLLOUT_ID,
        step=1,
        candidate=CANDIDATE_DIGEST,
        manifest=CANDIDATE,
        share=0.5,
        lease=LEASE,
    )
    given_fields = {
        "target": TARGET,
        "generation": generation,
        "baseline": BASELINE_DIGEST,
        "manifest": BASELINE,
        "exposures": (exposure,) if exposed else (),
        "intent": derive_id("intent", generation),
        "reason": "test",
        "at_ms": START_MS,
        **fields,
    }
    return DesiredState.model_validate(given_fields)


def seal(message: DesiredState | Lease, role: SignerRole) -> bytes:
    return sign(role, to_json(message), message.ce_type)


def lease(renewal: int = 1) -> Lease:
    return Lease(
        lease=LEASE,
        rollout=ROLLOUT_ID,
        step=1,
        renewal=renewal,
        phase=RolloutPhase.EXPOSING,
        evaluated_at_ms=START_MS,
        expires_ms=START_MS + 15_000,
        ttl_ms=15_000,
    )


def core(*states: DesiredState) -> GatewayCore:
    return GatewayCore(GATEWAY, trust(), {s.target.key: s for s in states}, LeaseClock({}))


def refusal(gateway: GatewayCore, envelope: bytes, key: bytes = KEY) -> Refusal:
    with pytest.raises(SignatureRefused) as refused:
        gateway.check_state(key, envelope)
    return refused.value.reason


def test_a_signed_newer_state_is_obeyed() -> None:
    gateway = core()
    offered = gateway.check_state(KEY, seal(state(), SignerRole.SEQUENCER))
    gateway.obey(offered)
    assert not offered.repeat
    assert gateway.states[TARGET.key].generation == 1


def test_the_same_state_again_is_a_repeat() -> None:
    assert core(state()).check_state(KEY, seal(state(), SignerRole.SEQUENCER)).repeat


@pytest.mark.parametrize("role", [role for role in SignerRole if role not in (SignerRole.SEQUENCER, SignerRole.ROOT)])
def test_no_other_role_may_state(role: SignerRole) -> None:
    assert refusal(core(), seal(state(), role)) is Refusal.KEY_WRONG_ROLE


def test_a_lower_generation_is_refused() -> None:
    assert refusal(core(state(5)), seal(state(4), SignerRole.SEQUENCER)) is Refusal.OLD_GENERATION


def test_another_state_of_the_same_generation_is_refused() -> None:
    other = seal(state(5, exposed=True), SignerRole.SEQUENCER)
    assert refusal(core(state(5)), other) is Refusal.OLD_GENERATION


def test_a_lower_quarantine_version_is_refused_even_with_a_higher_generation() -> None:
    gateway = core(state(5, quarantine=(CANDIDATE_DIGEST,), quarantine_version=2))
    assert refusal(gateway, seal(state(6, quarantine_version=1), SignerRole.SEQUENCER)) is Refusal.OLD_QUARANTINE


def test_a_state_that_exposes_what_it_quarantines_is_refused() -> None:
    bad = state(2, exposed=True, quarantine=(CANDIDATE_DIGEST,), quarantine_version=1)
    assert refusal(core(), seal(bad, SignerRole.SEQUENCER)) is Refusal.QUARANTINED_RELEASE


def test_another_gateways_state_is_refused_under_our_key() -> None:
    other = state(target=Target(gateway="gateway-2", tenant="tenant-1", workflow="scribe"))
    assert refusal(core(), seal(other, SignerRole.SEQUENCER)) is Refusal.WRONG_TARGET


def test_a_state_replayed_under_another_key_is_refused() -> None:
    envelope = seal(state(), SignerRole.SEQUENCER)
    assert refusal(core(), envelope, f"{GATEWAY}/tenant-2/scribe".encode()) is Refusal.WRONG_TARGET


@given(st.data())
def test_no_mutated_envelope_is_obeyed(data: st.DataObject) -> None:
    envelope = bytearray(seal(state(), SignerRole.SEQUENCER))
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] ^= data.draw(st.integers(1, 255))
    gateway = core()
    try:
        offered = gateway.check_state(KEY, bytes(envelope))
    except (SignatureRefused, PoisonRecord):
        return
    assert offered.state == state()


def test_without_a_lease_nobody_gets_the_candidate() -> None:
    gateway = core(state(exposed=True))
    arms = {gateway.serve(TARGET, "cardiology", derive_id(n), NOW).arm for n in range(50)}  # type: ignore[union-attr] # the target has a state
    assert arms == {Arm.BASELINE}


def test_with_a_lease_sessions_are_split_and_stay_where_they_are() -> None:
    gateway = core(state(exposed=True))
    assert gateway.renew(gateway.check_lease(seal(lease(), SignerRole.GUARD)), NOW)
    first = [gateway.serve(TARGET, "cardiology", derive_id(n), NOW) for n in range(400)]
    again = [gateway.serve(TARGET, "cardiology", derive_id(n), NOW) for n in range(400)]
    candidates = sum(serving is not None and serving.arm is Arm.CANDIDATE for serving in first)
    assert first == again
    assert 150 < candidates < 250


def test_a_specialty_that_is_not_listed_gets_the_baseline() -> None:
    gateway = core(state(exposed=True))
    gateway.renew(lease(), NOW)
    arms = {gateway.serve(TARGET, "oncology", derive_id(n), NOW).arm for n in range(50)}  # type: ignore[union-attr] # the target has a state
    assert arms == {Arm.BASELINE}
    assert gateway.count_exposed(NOW) == 1


def test_a_lease_that_the_guard_did_not_sign_is_refused() -> None:
    with pytest.raises(SignatureRefused) as refused:
        core().check_lease(seal(lease(), SignerRole.SEQUENCER))
    assert refused.value.reason is Refusal.KEY_WRONG_ROLE


def test_an_unknown_target_gets_no_answer() -> None:
    assert core().serve(TARGET, "cardiology", derive_id(1), NOW) is None
