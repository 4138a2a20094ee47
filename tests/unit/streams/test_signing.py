"""Signers: equal statements give equal bytes, other implementations of DSSE agree, secrets stay secret."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import (  # type: ignore[attr-defined]  # public names, not re-exported for checkers
    CryptoSigner,
    SSlibKey,
)

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.dsse import payload_type
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.key_set import KeySet, vouch
from homeostat.streams.signing import Signer, Signers

ROOT = Signer.from_seed(SignerRole.ROOT, bytes(32))
GUARD = Signer.from_seed(SignerRole.GUARD, bytes(range(32)))
TRUST = TrustStore.build(ROOT.public_key, [vouch(ROOT, GUARD, None, 0)])
LEASE = "homeostat.lease"
GOLDEN = (
    '{"payload":"e30=","payloadType":"application/vnd.homeostat.lease+json","signatures":[{"keyid":'
    '"guard-56475aa75463474c","sig":"kquJI824JztFepcHpdJCD6OXN7tszm6UDTd5eDQlUtEwnjkrgDLqFkZzbqAkmOnqh50cX+ZRaeQuYTzp4PbNAA=="}]}'
)


def public_key(signer: Signer) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(signer.public_key), keyid=signer.key_id)


def write_pem(path: Path, pem: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(pem)
    path.chmod(mode)
    return path


def test_equal_statements_give_equal_bytes_and_these_are_golden() -> None:
    assert GUARD.sign(b"{}", LEASE) == GUARD.sign(b"{}", LEASE) == GOLDEN.encode()


def test_securesystemslib_believes_our_envelopes() -> None:
    envelope = Envelope.from_dict(json.loads(GUARD.sign(b"payload", LEASE)))
    assert envelope.verify([public_key(GUARD)], threshold=1).keys() == {GUARD.key_id}
    assert (envelope.payload, envelope.payload_type) == (b"payload", payload_type(LEASE))


def test_securesystemslib_refuses_what_we_refuse() -> None:
    body = json.loads(GUARD.sign(b"payload", LEASE))
    body["payload"] = "b3RoZXI="
    with pytest.raises(SignatureRefused, match="signature_bad"):
        TRUST.verify(json.dumps(body).encode(), LEASE, {SignerRole.GUARD})
    with pytest.raises(VerificationError):
        Envelope.from_dict(body).verify([public_key(GUARD)], threshold=1)


def test_we_believe_securesystemslibs_envelopes() -> None:
    theirs = CryptoSigner(load_pem_private_key(GUARD.to_pem(), None), public_key(GUARD))
    envelope = Envelope(b"payload", payload_type(LEASE), {})
    envelope.sign(theirs)
    assert TRUST.verify(json.dumps(envelope.to_dict()).encode(), LEASE, {SignerRole.GUARD}) == b"payload"


def test_a_key_is_read_back_from_its_file(tmp_path: Path) -> None:
    path = write_pem(tmp_path / "guard.pem", GUARD.to_pem())
    assert Signer.load(SignerRole.GUARD, path).key_id == GUARD.key_id


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = write_pem(tmp_path / "guard.pem", GUARD.to_pem(), mode)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        Signer.load(SignerRole.GUARD, path)


def test_what_is_no_ed25519_key_is_not_used(tmp_path: Path) -> None:
    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SettingsInvalid, match="not an Ed25519 key"):
        Signer.load(SignerRole.GUARD, write_pem(tmp_path / "x.pem", other))
    with pytest.raises(SettingsInvalid, match="not an unencrypted PEM"):
        Signer.load(SignerRole.GUARD, write_pem(tmp_path / "y.pem", b"junk"))
    with pytest.raises(SettingsInvalid, match="keys new"):
        Signer.load(SignerRole.GUARD, tmp_path / "none.pem")


def test_outputs_leave_signed_by_the_role_that_they_name() -> None:
    signers = KeySet.from_seed(b"signing").signers()
    headers = output_headers(LEASE, "guard", 0, 7, 0, signed=True)
    output = Output("release.leases.v1", b"k", b"{}", 1, headers, signer="guard")
    signed = signers.sign_output(output)
    assert signed == output._replace(value=signers[SignerRole.GUARD].sign(b"{}", LEASE), signer=None)
    assert signers.sign_output(signed) is signed
    tombstone = output._replace(value=None)
    assert signers.sign_output(tombstone) is tombstone


def test_a_role_that_this_process_does_not_hold() -> None:
    signers = Signers([GUARD])
    assert "guard" in signers
    assert "sequencer" not in signers
    with pytest.raises(SettingsInvalid, match="no sequencer key"):
        signers[SignerRole.SEQUENCER]


def test_a_signer_never_shows_its_secret() -> None:
    assert repr(GUARD) == f"Signer({GUARD.key_id})"
