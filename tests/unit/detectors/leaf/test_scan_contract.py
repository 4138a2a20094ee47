"""The scanner against the contract: equal for every valid trace, and nothing accepted that the contract refuses."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeostat.detectors.leaf import scan_words
from homeostat.detectors.leaf.arrays import Bytes, Ints
from homeostat.detectors.leaf.find_route import TAGS, has_tags
from homeostat.detectors.leaf.plan import Plan
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.scan_words import FIELDS
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.trace import AgeBand, Arm, Consent, SexBand, WorkTrace
from homeostat.streams.client.trace_writer import TraceWriter
from tests.builders import traces
from tests.builders.documents import ROLLOUT_ID, START_MS, policy, signal
from tests.unit.detectors.leaf.scanning import PLAN, TENANT, TENANT_NUMBER, Read, Readers, as_bytes
from tests.unit.detectors.leaf.trace_text import HOSTILE_VALUES, Written, hostile_traces, valid_traces
from tests.unit.streams.publishing import tenant_key

READERS = Readers()
WRITER = TraceWriter(tenant_key(TENANT), "scribe-runtime", PLAN.specs)
GOOD = traces.work(1, {"edit_ratio": 0.25, "latency": 75.0}, consent=Consent.SHARED)
GOOD_ID = GOOD.trace_id.encode()


@given(st.lists(valid_traces(), min_size=1, max_size=3))
@settings(max_examples=200)
def test_a_valid_trace_is_scanned_to_what_the_contract_says_or_left_to_it(written: list[Written]) -> None:
    for row, found in zip(written, READERS.scan(written), strict=True):
        expected = READERS.by_contract(*row)
        assert READERS.by_reader(*row) == expected
        assert found in (None, expected)


@given(st.lists(hostile_traces(), min_size=1, max_size=2))
@settings(max_examples=300)
def test_what_the_contract_refuses_is_never_scanned(cases: list[tuple[Written, Written]]) -> None:
    written = [row for case in cases for row in case]
    for row, found in zip(written, READERS.scan(written), strict=True):
        if found is not None:
            assert found == READERS.by_contract(*row)


@st.composite
def published(draw: st.DrawFn) -> WorkTrace:
    """What a runtime's Publisher writes of ordinary work: no lists, values between 10⁻⁶ and 10¹⁵."""
    arm = draw(st.sampled_from(Arm))
    ratios = st.just(0.0) | st.floats(1e-6, 1.0)
    some = {"edit_ratio": ratios, "latency": st.floats(1e-6, 1e15) | st.integers(0, 10**15), "structure_score": ratios}
    return WRITER.build_work(
        {
            "specialty": "cardiology",
            "workflow": "scribe",
            "release": traces.RELEASE_OF_ARM[arm],
            "arm": arm,
            "rollout": None if arm is Arm.BASELINE else ROLLOUT_ID,
            "session": draw(st.uuids()).hex,
            "actor": str(draw(st.uuids())),
            "consent": draw(st.sampled_from(Consent)),
            "age_band": draw(st.sampled_from(AgeBand)),
            "sex_band": draw(st.sampled_from(SexBand)),
            "signals": {name: draw(some[name]) for name in draw(st.permutations(list(some)))},
        },
        START_MS,
    )


@given(published())
@settings(max_examples=100)
def test_what_a_publisher_writes_of_ordinary_work_is_always_scanned(trace: WorkTrace) -> None:
    row = WRITER.write(trace).value, trace.trace_id.encode()
    assert READERS.scan([row]) == [READERS.by_contract(*row)]


def rewrite(**changes: str) -> bytes:
    """`GOOD` with values replaced by other JSON text, or left out where it is empty."""
    fields = {name: json.dumps(value) for name, value in json.loads(to_json(GOOD)).items()} | changes
    return b"{%b}" % ",".join(f'"{name}":{text}' for name, text in fields.items() if text).encode()


def scan_after_good(value: bytes) -> Read | None:
    """What becomes of a value once the scanner has guesses from `GOOD`."""
    first, second = READERS.scan([(to_json(GOOD), GOOD_ID), (value, GOOD_ID)])
    assert first is not None
    return second


def test_a_field_there_twice_cannot_hide_what_stands_between() -> None:
    """The first actor, read with the length that actors had before, would swallow the consent."""
    hidden = '","consent":"shared'
    first = "a" * (len(GOOD.actor) - len(hidden)) + hidden
    value = rewrite(actor=f'"{first}","actor":"{GOOD.actor}"', consent="")
    read = READERS.by_contract(value, GOOD_ID)
    assert read.flags == 0
    assert scan_after_good(value) in (None, read)


def test_a_string_there_twice_is_not_excused_from_being_json() -> None:
    broken = "x" * (len(GOOD.release) - 1) + "\n"
    value = rewrite(runtime=f'"scribe-runtime","release":"{broken}"')
    with pytest.raises(PoisonRecord):
        READERS.by_contract(value, GOOD_ID)
    assert scan_after_good(value) is None


def lay_out(tags: list[str]) -> tuple[Bytes, Ints]:
    """Tags as a trace's text holds them, one after another, and their spans."""
    spans, ends = np.full((FIELDS, 2), -1, np.int64), np.cumsum([len(tag) for tag in tags]).tolist()
    for field, tag, end in zip(TAGS, tags, ends, strict=True):
        spans[field] = end - len(tag), end
    return as_bytes("".join(tags).encode()), spans


@pytest.mark.parametrize("field", scan_words.NAMES)
def test_no_hostile_value_passes_in_any_field(field: str) -> None:
    """Each in the place of the good one, beside it as a second, and with the good one after it."""
    good = json.dumps(json.loads(to_json(GOOD))[field])
    for text in HOSTILE_VALUES:
        for given_twice in (text, f'{good},"{field}":{text}', f'{text},"{field}":{good}'):
            value = rewrite(**{field: given_twice})
            found = scan_after_good(value)
            assert found is None or found == READERS.by_contract(value, GOOD_ID), given_twice


def test_what_an_earlier_batch_held_is_not_seen_again() -> None:
    bare = rewrite(signals="")
    assert READERS.scan([(to_json(GOOD), GOOD_ID)]) != READERS.scan([(bare, GOOD_ID)])
    assert READERS.scan([(bare, GOOD_ID)]) == [READERS.by_contract(bare, GOOD_ID)]


def test_equal_letters_are_not_equal_tags() -> None:
    """Lines are what ends a tag in the table, so a tag with a line's end might pass for two of them."""
    router = Router(PLAN, READERS.world.cohorts, READERS.world.pairs, set(traces.RELEASE_OF_ARM.values()))
    for specialty in ("cardiology", "urology"):
        router.find(traces.work(1, {}, specialty=specialty, rollout="ab" * 8), TENANT_NUMBER, START_MS)
    own = ["cardiology", "scribe", "scribe-runtime", "baseline", GOOD.release, "ab" * 8]
    merged = [[*own[:at], "\n".join(own[at : at + 2]), *own[at + 2 :], "urology"] for at in (0, 2, 4)]
    moved = [["cardiologys", "cribe", *own[2:]], ["cardiolog", "yscribe", *own[2:]]]
    assert has_tags(0, *lay_out(own), TENANT_NUMBER, router.arrays)
    for tags in (*merged, *moved, [*own[:5], "cd" * 8]):
        assert not has_tags(0, *lay_out(tags), TENANT_NUMBER, router.arrays)
    assert not has_tags(0, *lay_out(own), 0, router.arrays)


def test_a_policy_may_let_work_carry_no_signal() -> None:
    readers = Readers(Plan(policy(signals=(signal("acceptance", carrier="feedback"),))))
    plain = rewrite(signals="{}")
    assert readers.scan([(plain, GOOD_ID)]) == [readers.by_contract(plain, GOOD_ID)]
    assert readers.scan([(rewrite(signals='{"acceptance":0.5}'), GOOD_ID)]) == [None]
    assert readers.scan([(rewrite(signals='{"":0.5}'), GOOD_ID)]) == [None]


@pytest.mark.parametrize("number", ["9" * 19, "9.999999999999999999", "59.99999999999999999", "18446744073709551616"])
def test_a_number_with_more_digits_than_63_bits_is_no_other_number(number: str) -> None:
    value = rewrite(signals=f'{{"latency":{number}}}')
    assert READERS.scan([(value, GOOD_ID)])[0] in (None, READERS.by_contract(value, GOOD_ID))
