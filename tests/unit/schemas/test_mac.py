"""MACs of traces and work tokens: bound to tenant, event and bytes; rotated by the id of the master."""

import hashlib
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.mac import (
    authenticate_trace,
    derive_tenant_key,
    encode_mac,
    issue_work_token,
    read_mac,
    same_mac,
    start_trace_mac,
)
from homeostat.schemas.reasons import Refusal

MASTERS = {"m1": hashlib.sha256(b"1").digest(), "m2": hashlib.sha256(b"2").digest()}

DERIVED = "914e348058bd67a74e23af59c0e6f6818ee4a799e118a670338ae99f7788b367"
TRACE_MAC = "54dc5c0ac9dc18149a3ebd9441265fd6"
TOKEN = "m1:b784d0593f690c4839392c1c90073b64"


def mac(tenant: str, event_id: bytes, value: bytes, master: str = "m1") -> str:
    return authenticate_trace(start_trace_mac(derive_tenant_key(MASTERS[master], tenant)), event_id, value)


def test_the_bytes_are_those_of_the_first_version() -> None:
    """Golden: publishers in the field compute the same."""
    assert derive_tenant_key(bytes(32), "clinic-a").hex() == DERIVED
    assert authenticate_trace(start_trace_mac(bytes(32)), b"id", b"value") == TRACE_MAC
    assert issue_work_token(bytes(32), "m1", "ab" * 16, 1, "sha256:" + "00" * 32, "control", "cd" * 16) == TOKEN


def test_tenant_event_value_and_master_all_matter() -> None:
    macs = {
        mac("clinic-a", b"id", b"value"),
        mac("clinic-b", b"id", b"value"),
        mac("clinic-a", b"di", b"value"),
        mac("clinic-a", b"id", b"valve"),
        mac("clinic-a", b"idv", b"alue"),
        mac("clinic-a", b"id", b"value", "m2"),
    }
    assert len(macs) == 6


def test_two_masters_hold_at_the_same_time_by_their_ids() -> None:
    for key_id in MASTERS:
        header = encode_mac(key_id, mac("clinic-a", b"id", b"value", key_id))
        found_id, found = read_mac(header)
        assert found == mac("clinic-a", b"id", b"value", found_id)
    assert not same_mac(mac("clinic-a", b"id", b"value", "m1"), mac("clinic-a", b"id", b"value", "m2"))


def test_every_decisive_tag_is_in_the_token() -> None:
    tags: dict[str, Any] = {
        "work_id": "ab" * 16,
        "work_time_ms": 1,
        "release": "r",
        "arm": "control",
        "session": "cd" * 16,
    }
    changes = [tags, *({**tags, name: 2 if name == "work_time_ms" else "other"} for name in tags)]
    tokens = [issue_work_token(MASTERS["m1"], "m1", **change) for change in changes]
    assert all(one != other for one, other in combinations(tokens, 2))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, Refusal.MAC_MISSING),
        (b"", Refusal.MAC_BAD),
        (b"m1", Refusal.MAC_BAD),
        (b"m1:" + b"0" * 31, Refusal.MAC_BAD),
        (b"m1:" + b"0" * 32 + b"\n", Refusal.MAC_BAD),
        (b"M1:" + b"0" * 32, Refusal.MAC_BAD),
        (b"\xff:" + b"0" * 32, Refusal.MAC_BAD),
        (b"m1:" + b"A" * 32, Refusal.MAC_BAD),
    ],
)
def test_headers_that_are_no_mac(header: bytes | None, reason: Refusal) -> None:
    with pytest.raises(PoisonRecord) as refused:
        read_mac(header)
    assert refused.value.reason is reason


@given(st.text(max_size=40), st.text(max_size=40))
def test_comparing_takes_any_text(left: str, right: str) -> None:
    assert same_mac(left, left)
    assert same_mac(left, right) == (left.encode(errors="replace") == right.encode(errors="replace"))
