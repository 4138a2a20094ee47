"""Work traces as other programs might write them: any order, white space and form of numbers; and broken ones."""

import math
from typing import NamedTuple

from hypothesis import strategies as st

from homeostat.schemas.trace import AgeBand, Arm, Consent, SexBand
from tests.builders.documents import ROLLOUT_ID, START_MS
from tests.builders.traces import RELEASE_OF_ARM
from tests.unit.detectors.leaf.scanning import PLAN, TENANT

Fields = list[tuple[str, str]]
"""A JSON object in the making: names and values, both as they stand in the text."""

HEX = "0123456789abcdef"
SPACES = st.sampled_from(("", "", " ", "\n", " \t", "\r\n  "))


def _hex(least: int, most: int) -> st.SearchStrategy[str]:
    """Hex digits, as many as drawn."""
    drawn = st.tuples(st.integers(0, 2 ** (4 * most) - 1), st.integers(least, most))
    return drawn.map(lambda pair: f"{pair[0]:0{most}x}"[-pair[1] :])


PLAIN_IDS = _hex(32, 32) | _hex(16, 32) | st.uuids().map(str)
IDS = PLAIN_IDS | _hex(33, 64) | st.just("0-" * 10 + "0")


class Written(NamedTuple):
    """A trace's text and the id of the event that carries it."""

    value: bytes
    event_id: bytes


def _digits(most: int) -> st.SearchStrategy[str]:
    """One to `most` digits, zeros at the front among them."""
    drawn = st.tuples(st.integers(0, 10**most - 1), st.integers(1, most))
    return drawn.map(lambda pair: f"{pair[0]:0{most}d}"[-pair[1] :])


def _trim(digits: str) -> str:
    return digits.lstrip("0") or "0"


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """A finite number in any of JSON's forms."""
    whole = draw(st.just("0") | _digits(25).map(_trim))
    fraction = draw(st.just("") | _digits(30).map(lambda digits: "." + digits))
    exponent = draw(st.just("") | st.tuples(st.sampled_from(("e", "E-", "e-0", "E+", "e+0")), _digits(3)).map("".join))
    text = draw(st.sampled_from(("", "-"))) + whole + fraction + exponent
    return text if math.isfinite(float(text)) else whole + fraction


@st.composite
def formatted_floats(draw: st.DrawFn, numbers: st.SearchStrategy[float]) -> str:
    """A number as printed by one of the usual formats."""
    number = draw(numbers)
    return draw(st.sampled_from((repr(number), f"{number:.17f}", f"{number:.6f}", f"{number:e}", f"{number:.16E}")))


PLAIN_RATIOS = (
    formatted_floats(st.floats(1e-5, 1))
    | _digits(18).map(lambda digits: "0." + digits)
    | st.sampled_from(("0", "1", "-0", "-0.0", "1.0", "1e0", "10e-1", "0E-9"))
)
RATIOS = PLAIN_RATIOS | formatted_floats(st.floats(0, 1)) | _digits(25).map(lambda digits: "0." + digits)
PLAIN_NUMBERS = formatted_floats(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-5)) | _digits(18).map(_trim)
ANY_NUMBERS = number_texts() | formatted_floats(st.floats(allow_nan=False, allow_infinity=False))


def quoted(text: str) -> str:
    return f'"{text}"'


@st.composite
def signals(draw: st.DrawFn, plain: bool) -> str:
    """The signals' object: any number for those that are clipped, a ratio for the others."""
    specs = [spec for spec in PLAN.specs if spec.carrier == "work"]
    chosen = draw(st.lists(st.sampled_from(specs), unique_by=lambda spec: spec.name, max_size=3))
    ratios, numbers = (PLAIN_RATIOS, PLAIN_NUMBERS) if plain else (RATIOS, ANY_NUMBERS)
    return draw(objects([(quoted(spec.name), draw(numbers if spec.clip else ratios)) for spec in chosen]))


@st.composite
def objects(draw: st.DrawFn, fields: Fields) -> str:
    """An object of these fields, in this order, with white space wherever it may be."""
    before, after_name, before_value, after = draw(st.just(("",) * 4) | st.tuples(SPACES, SPACES, SPACES, SPACES))
    parts = (f"{before}{name}{after_name}:{before_value}{value}{after}" for name, value in fields)
    return "{" + (",".join(parts) or before) + "}"


@st.composite
def valid_fields(draw: st.DrawFn) -> Fields:
    """The fields of a trace that the contract accepts, in any order; half of them are plain enough to be scanned."""
    plain = draw(st.booleans())
    ids, arm = PLAIN_IDS if plain else IDS, draw(st.sampled_from(Arm))
    fields = {
        "trace_id": quoted(draw(ids)),
        "tenant": quoted(TENANT),
        "specialty": '"cardiology"' if plain else draw(st.sampled_from(('"cardiology"', '"card"', '"c\\u0061rd"'))),
        "workflow": '"scribe"',
        "runtime": '"scribe-runtime"' if plain else draw(st.sampled_from(('"scribe-runtime"', '"runtime"'))),
        "release": quoted(RELEASE_OF_ARM[arm]),
        "arm": quoted(arm),
        "session": quoted(draw(ids)),
        "actor": quoted(draw(IDS)),
        "work_id": quoted(draw(IDS)),
        "work_time_ms": str(draw(st.integers(0, START_MS + PLAN.max_ahead_ms))),
    }
    if arm is not Arm.BASELINE:
        fields["rollout"] = draw(st.just(quoted(ROLLOUT_ID)) if plain else st.sampled_from(("null", quoted("ab" * 8))))
    optional = {**OPTIONAL, **(EMPTY if plain else LISTS), "signals": signals(plain)}
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        fields[name] = draw(optional[name])
    order = draw(st.permutations(sorted(fields)) | st.just(list(fields)))
    return [(quoted(name), fields[name]) for name in order]


OPTIONAL = {
    "version": st.just('"1.0"'),
    "kind": st.just('"work"'),
    "consent": st.sampled_from(Consent).map(quoted),
    "age_band": st.sampled_from(AgeBand).map(quoted),
    "sex_band": st.sampled_from(SexBand).map(quoted),
}
LISTS = {
    "categories": st.sampled_from(("{}", '{"visit":"new"}')),
    "steps": st.sampled_from(("[]", '["sign"]')),
    "output_properties": st.sampled_from(("[]", '["allergy"]')),
    "retrieval": st.just("[]"),
    "tools": st.sampled_from(("[]", '[{"tool":"search","outcome":"ok"}]')),
    "embedding": st.sampled_from(("[]", "[0.5]")),
}
EMPTY = {name: st.sampled_from(("{}", "{ \n}") if name == "categories" else ("[]", "[\t]")) for name in LISTS}


@st.composite
def valid_traces(draw: st.DrawFn) -> Written:
    """A trace that the contract accepts."""
    fields = draw(valid_fields())
    text = draw(SPACES) + draw(objects(fields)) + draw(SPACES)
    return Written(text.encode(), event_id_of(fields))


def event_id_of(fields: Fields) -> bytes:
    return dict(fields)['"trace_id"'].strip('"').encode()


HOSTILE_VALUES = (
    "null", "true", "0", "1.0", "-1", "1e999", "NaN", "Infinity", "-Infinity", "01", ".5", "1.", "+1", "0x1", "1e",
    "[]", "[[]]", '{"a":{"b":[1]}}', '""', '" "', '"a b"', '"1.7"', '"2.0"', '"1.0 "', '"é"', '"\u2028"', '"\\u0000"',
    '"\\ud800"', '"a\nb"', '"a\tb"', '"\x7f"', quoted("a" * 65), quoted("-" * 20), quoted("A" * 32), quoted("a" * 15),
    quoted("tenant-0"), quoted("tenant-10"), quoted("candidate"), quoted("feedback"), "1700000000000.0", "{}",
    "17000000000000", "99999999999999", '"0.5"', '{"edit_ratio":1.5}', '{"edit_ratio":null}', '{"edit_ratio":-0.1}',
    '{"mood":0.5}', '{"latency":NaN}', '{"latency":9999999999999999999}', '{"latency":{}}', '{"acceptance":1}',
    '{"edit_ratio":0.1,"edit_ratio":0.2}', '{"edit_ratio":0.5,}', "{,}", '{"a":"b"}', '["sign",]', "\x00",
    "[1", "{1", "[", "{", '"', quoted("0" * 16 + "-"), quoted("0" * 8 + "g" * 8), str(START_MS + PLAN.max_ahead_ms + 1),
)  # fmt: skip
_BYTES = st.sampled_from([bytes([letter]) for letter in b'"\\\x00\n\r\t ,:{}[]-.e0f\x7f\x80\xff']) | st.binary(
    max_size=2
)


@st.composite
def hostile_traces(draw: st.DrawFn) -> tuple[Written, Written]:
    """A good trace, and what became of it: fields changed, added or there twice, then bytes changed or cut off."""
    fields = draw(valid_fields())
    good = Written(draw(objects(fields)).encode(), event_id_of(fields))
    values = st.sampled_from(HOSTILE_VALUES) | st.sampled_from([value for _, value in fields])
    for change in draw(st.lists(st.sampled_from(("change", "change", "add", "drop")), max_size=2)):
        place = draw(st.integers(0, len(fields) - 1))
        own = st.just(fields[place][0])
        name = draw(own | own | st.sampled_from(('"strange"', '"signals"', '"consent"', '"version"', "name", '""')))
        added = [] if change == "drop" else [(name, draw(values))]
        fields = [*fields[:place], *added, *fields[place + (change != "add") :]]
    value = draw(objects(fields)).encode()
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        at = draw(st.integers(0, len(value)))
        value = value[:at] + draw(_BYTES) + value[at + draw(st.integers(0, 2)) :]
    if draw(st.integers(0, 9)) == 9:
        value = value[: draw(st.integers(0, len(value)))]
    event_id = draw(st.binary(max_size=20) | st.just(b"a" * 16)) if draw(st.integers(0, 9)) == 9 else good.event_id
    return good, Written(value, event_id)
