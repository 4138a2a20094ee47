"""DSSE: the vectors of the specification, both base64 alphabets, and what is no envelope."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.dsse import (
    build_envelope,
    decode_base64,
    encode_signing_bytes,
    payload_type,
    read_envelope,
)
from homeostat.schemas.errors import SignatureRefused
from homeostat.schemas.reasons import Refusal


def test_the_specifications_example() -> None:
    """protocol.md of secure-systems-lab/dsse, 'Test Vectors'."""
    encoded = encode_signing_bytes("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes_not_characters() -> None:
    assert encode_signing_bytes("é", b"") == "DSSEv1 2 é 0 ".encode()


@given(st.text(max_size=30), st.binary(max_size=60), st.text(max_size=30), st.binary(max_size=60))
def test_different_statements_never_give_the_same_signing_bytes(kind: str, one: bytes, other: str, two: bytes) -> None:
    same = encode_signing_bytes(kind, one) == encode_signing_bytes(other, two)
    assert same == ((kind, one) == (other, two))


@given(st.binary(max_size=200))
def test_an_envelope_gives_its_payload_back(payload: bytes) -> None:
    data = build_envelope(payload_type("homeostat.lease"), payload, [("guard-1", b"\x00" * 64)])
    envelope, found = read_envelope(data)
    assert (found, envelope.ce_type, envelope.signatures[0].keyid) == (payload, "homeostat.lease", "guard-1")


def test_url_safe_base64_is_read_as_well() -> None:
    data = json.loads(build_envelope("t", b"\xfb\xff\xfe", [("k", b"\xfb\xff")]))
    data["payload"] = base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()
    assert read_envelope(json.dumps(data).encode())[1] == b"\xfb\xff\xfe"
    assert decode_base64(base64.urlsafe_b64encode(b"\xfb\xff").decode()) == b"\xfb\xff"


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"{}",
        b"\xff",
        b'{"payload":"","payloadType":"t","signatures":[]}',
        b'{"payload":"!","payloadType":"t","signatures":[{"keyid":"k","sig":""}]}',
        b'{"payload":"","payloadType":"t","signatures":[{"keyid":"k","sig":""}],"more":1}',
        '{"payload":"é","payloadType":"t","signatures":[{"keyid":"k","sig":""}]}'.encode(),
    ],
)
def test_what_is_no_envelope_is_refused_as_unsigned(data: bytes | None) -> None:
    with pytest.raises(SignatureRefused) as refused:
        read_envelope(data)
    assert refused.value.reason is Refusal.SIGNATURE_MISSING


@given(st.binary(max_size=100))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SignatureRefused):
        read_envelope(data)
