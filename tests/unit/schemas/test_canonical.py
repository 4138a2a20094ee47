"""Canonical JSON by RFC 8785, digests and derived ids."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.canonical import derive_id, digest_bytes, digest_document, to_canonical, to_json
from homeostat.schemas.control import ReleaseDocument
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Policy
from tests.golden.shared import MANIFEST, PLAN
from tests.golden.write import FOLDER


def test_the_rfcs_own_example() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3."""
    given_value: Any = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '€$\x0f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert (
        rfc8785.dumps(given_value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        ("0000000000000000", b"0"),
        ("8000000000000000", b"0"),
        ("0000000000000001", b"5e-324"),
        ("7fefffffffffffff", b"1.7976931348623157e+308"),
        ("4340000000000000", b"9007199254740992"),
        ("44b52d02c7e14af5", b"9.999999999999997e+22"),
        ("44b52d02c7e14af6", b"1e+23"),
        ("444b1ae4d6e2ef50", b"1e+21"),
        ("3eb0c6f7a0b5ed8d", b"0.000001"),
        ("3eb0c6f7a0b5ed8c", b"9.999999999999997e-7"),
    ],
)
def test_numbers_of_the_rfcs_appendix_b(bits: str, text: bytes) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert rfc8785.dumps(number) == text


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/homeostat.document.release.json")), ids=lambda p: p.parent.name)
def test_a_manifest_of_an_older_contract_keeps_its_name(path: Path) -> None:
    document, _ = parse_message(ReleaseDocument, path.read_bytes())
    assert to_canonical(document.body) == rfc8785.dumps(json.loads(path.read_bytes())["body"])
    assert digest_document(document.body) == "sha256:047695ef56ee317022ee88dd317d7049e4350d0483579b641ec49cc08445d105"


@pytest.mark.parametrize("document", [MANIFEST, PLAN, default_policy()])
def test_a_document_read_back_has_the_same_name(document: Policy) -> None:
    again, _ = parse_message(type(document), to_canonical(document))
    assert digest_document(again) == digest_document(document)
    assert digest_document(parse_message(type(document), to_json(document))[0]) == digest_document(document)


def test_the_order_of_keys_in_a_file_does_not_change_a_name() -> None:
    body = json.loads(to_json(MANIFEST))
    turned = json.dumps(dict(reversed(body.items()))).encode()
    assert digest_document(parse_message(type(MANIFEST), turned)[0]) == digest_document(MANIFEST)


def test_another_document_has_another_name() -> None:
    assert digest_document(MANIFEST) != digest_document(MANIFEST.model_copy(update={"parent": None}))


def test_the_digest_of_nothing() -> None:
    assert digest_bytes(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@given(st.lists(st.integers(), max_size=4), st.lists(st.integers(), max_size=4))
def test_ids_are_the_same_for_the_same_coordinates_only(one: list[int], other: list[int]) -> None:
    assert (derive_id(*one) == derive_id(*other)) == (one == other)
    assert len(derive_id(*one)) == 32
