"""Sealed dead letters: the same bytes again, opened by one key only, and never the content in clear."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from homeostat.schemas.dead_letter import DeadLetter, Original, Withheld, pack_original, unpack_original
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.headers import find_header
from homeostat.schemas.log import Output
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.reasons import Refusal
from homeostat.streams.dead_letters.sealing import MAX_ORIGINAL_BYTES, Sealer, open_letter
from homeostat.streams.key_set import KeySet
from tests.unit.streams.letters import refused_record, unsealed

KEYS = KeySet.from_seed(b"sealing")
SEALER = Sealer(KEYS.seal_secret)


def letter_of(output: Output) -> DeadLetter:
    return parse_message(DeadLetter, output.value)[0]


def test_the_original_record_comes_back_whole() -> None:
    record = refused_record(7)
    sealed = SEALER.seal_output(unsealed(record, KEYS.dead_letter_key()))
    assert sealed.signer is None
    original = open_letter(letter_of(sealed), KEYS.dead_letters)
    assert original == Original(record.key, record.value, record.headers)


def test_a_repeat_is_byte_identical_also_from_another_worker() -> None:
    output = unsealed(refused_record(7), KEYS.dead_letter_key())
    assert SEALER.seal_output(output) == Sealer(KEYS.seal_secret).seal_output(output)


def test_the_value_is_nowhere_in_what_leaves() -> None:
    sealed = SEALER.seal_output(unsealed(refused_record(7), KEYS.dead_letter_key()))
    assert b"free text" not in (sealed.value or b"")


def test_other_contents_at_the_same_place_share_neither_key_nor_nonce() -> None:
    first, second = (
        letter_of(SEALER.seal_output(unsealed(refused_record(7, value), KEYS.dead_letter_key()))).sealed
        for value in (b"one", b"two")
    )
    assert first is not None
    assert second is not None
    assert first.ephemeral_key != second.ephemeral_key
    assert first.nonce != second.nonce


def test_connect_headers_say_where_it_came_from_and_no_more() -> None:
    headers = SEALER.seal_output(unsealed(refused_record(7), KEYS.dead_letter_key())).headers
    assert find_header(headers, "__connect.errors.topic") == b"traces.v1"
    assert find_header(headers, "__connect.errors.partition") == b"1"
    assert find_header(headers, "__connect.errors.offset") == b"7"
    assert find_header(headers, "__connect.errors.exception.message") == b"free_text"
    assert find_header(headers, "__connect.errors.exception.stacktrace") is None


def test_without_a_key_in_the_policy_the_bytes_are_withheld_and_that_is_said() -> None:
    letter = letter_of(SEALER.seal_output(unsealed(refused_record(7), None)))
    assert (letter.sealed, letter.withheld) == (None, Withheld.NO_KEY)
    with pytest.raises(PoisonRecord, match="no_key"):
        open_letter(letter, KEYS.dead_letters)


def test_a_process_without_the_secret_and_a_key_that_is_none_withhold_the_bytes_too() -> None:
    output = unsealed(refused_record(7), KEYS.dead_letter_key())
    assert letter_of(Sealer(None).seal_output(output)).withheld is Withheld.NO_SECRET
    useless = DeadLetterKey(key_id="zero", public_key="00" * 32)
    letter = letter_of(SEALER.seal_output(unsealed(refused_record(7), useless)))
    assert (letter.sealed, letter.withheld) == (None, Withheld.BAD_KEY)


def test_a_record_too_large_for_the_topic_is_withheld() -> None:
    record = refused_record(7, bytes(MAX_ORIGINAL_BYTES))
    letter = letter_of(SEALER.seal_output(unsealed(record, KEYS.dead_letter_key())))
    assert (letter.sealed, letter.withheld) == (None, Withheld.TOO_LARGE)


def test_a_full_record_fits_the_topic() -> None:
    output = SEALER.seal_output(unsealed(refused_record(7, bytes(1_048_576)), KEYS.dead_letter_key()))
    assert len(output.value or b"") < 2_000_000


def test_another_key_does_not_open_it() -> None:
    letter = letter_of(SEALER.seal_output(unsealed(refused_record(7), KEYS.dead_letter_key())))
    other = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"other").digest())
    with pytest.raises(PoisonRecord) as refused:
        open_letter(letter, other)
    assert refused.value.reason is Refusal.SIGNATURE_BAD


@pytest.mark.parametrize("change", [{"offset": 8}, {"partition": 2}, {"reason": Refusal.SCHEMA}])
def test_a_letter_moved_to_another_place_does_not_open(change: dict[str, object]) -> None:
    letter = letter_of(SEALER.seal_output(unsealed(refused_record(7), KEYS.dead_letter_key())))
    with pytest.raises(PoisonRecord):
        open_letter(letter.model_copy(update=change), KEYS.dead_letters)


def test_outputs_that_are_no_dead_letters_pass_untouched() -> None:
    output = Output("alarms.v1", b"k", b"v", 0)
    assert SEALER.seal_output(output) is output


fields = st.none() | st.binary(max_size=40)
headers = st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=20)), max_size=5)


@given(fields, fields, headers)
def test_packing_is_undone_by_unpacking(key: bytes | None, value: bytes | None, of: list[tuple[str, bytes]]) -> None:
    original = Original(key, value, of)
    assert unpack_original(pack_original(original)) == original


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_or_well_formed(packed: bytes) -> None:
    try:
        original = unpack_original(packed)
    except PoisonRecord:
        return
    assert unpack_original(pack_original(original)) == original
