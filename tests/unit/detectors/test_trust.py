"""The trust store: whose signature is believed, for what, since when, and why not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import to_json
from homeostat.schemas.dsse import build_envelope, encode_signing_bytes, payload_type
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.key_document import KeyDocument
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.streams.key_set import KeySet, vouch
from homeostat.streams.signing import Signer

KEYS = KeySet.from_seed(b"trust")
TRUST = KEYS.trust()
GUARD, SEQUENCER = KEYS.signers()[SignerRole.GUARD], KEYS.signers()[SignerRole.SEQUENCER]
LEASE = "homeostat.lease"
ONLY_GUARD = frozenset({SignerRole.GUARD})


def refusal_of(
    value: bytes | None, trust: TrustStore = TRUST, ce_type: str = LEASE, at_ms: int | None = None
) -> Refusal:
    with pytest.raises(SignatureRefused) as refused:
        trust.verify(value, ce_type, ONLY_GUARD, at_ms)
    return refused.value.reason


def test_a_good_signature_gives_the_payload_and_the_key() -> None:
    envelope = GUARD.sign(b"payload", LEASE)
    assert TRUST.verify(envelope, LEASE, ONLY_GUARD) == b"payload"
    verified = TRUST.verify_with_key(envelope, LEASE, ONLY_GUARD)
    assert (verified.key.key_id, verified.key.role, verified.key.name) == (GUARD.key_id, SignerRole.GUARD, None)


def test_a_gateways_key_carries_the_gateways_name() -> None:
    gateway = KEYS.signers()[SignerRole.GATEWAY]
    verified = TRUST.verify_with_key(gateway.sign(b"{}", LEASE), LEASE, {SignerRole.GATEWAY})
    assert verified.key.name == "gateway-1"


def test_no_envelope() -> None:
    assert refusal_of(None) is Refusal.SIGNATURE_MISSING
    assert refusal_of(b"{}") is Refusal.SIGNATURE_MISSING


def test_a_key_that_nobody_vouched_for() -> None:
    stranger = Signer.generate(SignerRole.GUARD)
    assert refusal_of(stranger.sign(b"payload", LEASE)) is Refusal.KEY_UNKNOWN


def test_another_roles_key() -> None:
    assert refusal_of(SEQUENCER.sign(b"payload", LEASE)) is Refusal.KEY_WRONG_ROLE


def test_the_root_signs_key_documents_only() -> None:
    assert refusal_of(KEYS.root.sign(b"payload", LEASE)) is Refusal.KEY_WRONG_ROLE


def test_a_statement_of_one_type_is_none_of_another() -> None:
    assert refusal_of(GUARD.sign(b"payload", "homeostat.intent")) is Refusal.SIGNATURE_BAD


def test_a_strangers_signature_under_a_known_id() -> None:
    stranger = Signer.generate(SignerRole.GUARD)
    forged = stranger.sign(b"payload", LEASE).replace(stranger.key_id.encode(), GUARD.key_id.encode())
    assert refusal_of(forged) is Refusal.SIGNATURE_BAD


@pytest.mark.parametrize("signature", ["", "AA==", "!", "é"])
def test_a_signature_of_the_wrong_form(signature: str) -> None:
    body = json.loads(GUARD.sign(b"payload", LEASE))
    body["signatures"][0]["sig"] = signature
    assert refusal_of(json.dumps(body).encode()) is Refusal.SIGNATURE_BAD


@given(st.integers(min_value=0), st.integers(1, 255))
def test_no_changed_byte_is_believed_to_be_the_same_statement(place: int, change: int) -> None:
    envelope = bytearray(GUARD.sign(b"payload", LEASE))
    envelope[place % len(envelope)] ^= change
    try:
        payload = TRUST.verify(bytes(envelope), LEASE, ONLY_GUARD)
    except SignatureRefused:
        return
    assert payload == b"payload"


def test_one_good_signature_among_several_is_enough() -> None:
    kind = payload_type(LEASE)
    signed = encode_signing_bytes(kind, b"payload")
    stranger = Signer.generate(SignerRole.GUARD)
    signatures = [(signer.key_id, signer.sign_bytes(signed)) for signer in (stranger, SEQUENCER, GUARD)]
    assert TRUST.verify(build_envelope(kind, b"payload", signatures), LEASE, ONLY_GUARD) == b"payload"
    assert refusal_of(build_envelope(kind, b"payload", signatures[:2])) is Refusal.KEY_WRONG_ROLE
    broken = [*signatures[:2], (GUARD.key_id, bytes(64))]
    assert refusal_of(build_envelope(kind, b"payload", broken)) is Refusal.SIGNATURE_BAD


def test_two_keys_of_a_role_are_trusted_until_one_is_deactivated() -> None:
    second = Signer.from_seed(SignerRole.GUARD, bytes(32))
    documents = [*KEYS.documents().values(), vouch(KEYS.root, second, None, 0)]
    trust = TrustStore.build(KEYS.root.public_key, documents)
    for signer in (GUARD, second):
        assert trust.verify(signer.sign(b"x", LEASE), LEASE, ONLY_GUARD) == b"x"
    only_second = trust.activate([second.key_id])
    assert only_second.verify(second.sign(b"x", LEASE), LEASE, ONLY_GUARD) == b"x"
    assert refusal_of(GUARD.sign(b"x", LEASE), only_second) is Refusal.KEY_UNKNOWN
    assert trust.activate([]) is trust


def test_a_key_counts_from_its_day_on() -> None:
    later = Signer.from_seed(SignerRole.GUARD, bytes(32))
    trust = TrustStore.build(KEYS.root.public_key, [vouch(KEYS.root, later, None, 1000)])
    envelope = later.sign(b"x", LEASE)
    assert refusal_of(envelope, trust, at_ms=999) is Refusal.KEY_UNKNOWN
    assert trust.verify(envelope, LEASE, ONLY_GUARD, at_ms=1000) == b"x"
    assert trust.verify(envelope, LEASE, ONLY_GUARD) == b"x"


def test_a_replaced_root_and_its_successor_both_vouch() -> None:
    successor = Signer.from_seed(SignerRole.ROOT, bytes(32))
    documents = [vouch(KEYS.root, GUARD, None, 0), vouch(successor, SEQUENCER, None, 0)]
    trust = TrustStore.build([KEYS.root.public_key, successor.public_key], documents)
    assert {GUARD.key_id, SEQUENCER.key_id} <= trust.keys.keys()


@pytest.mark.parametrize(
    "document",
    [
        vouch(Signer.from_seed(SignerRole.ROOT, bytes(32)), GUARD, None, 0),
        vouch(SEQUENCER, GUARD, None, 0),
        KEYS.root.sign(b"{}", KeyDocument.ce_type),
        KEYS.root.sign(b"not json", KeyDocument.ce_type),
        b"{}",
    ],
)
def test_documents_that_the_root_did_not_make_build_no_store(document: bytes) -> None:
    with pytest.raises(SignatureRefused):
        TrustStore.build(KEYS.root.public_key, [document])


def test_a_key_document_cannot_claim_another_keys_id() -> None:
    honest = json.loads(to_json(KeyDocument.model_validate_json(payload_of(vouch(KEYS.root, GUARD, None, 0)))))
    honest["public_key"] = SEQUENCER.public_key.hex()
    with pytest.raises(SignatureRefused, match="not a key document"):
        TrustStore.build(KEYS.root.public_key, [KEYS.root.sign(json.dumps(honest).encode(), KeyDocument.ce_type)])


def payload_of(envelope: bytes) -> bytes:
    return TRUST.verify(envelope, KeyDocument.ce_type, {SignerRole.ROOT})
