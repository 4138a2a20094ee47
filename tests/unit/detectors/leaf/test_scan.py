"""The scanner accepts a subset of the contract, with equal values; numbers and ids are read exactly."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeostat.detectors.leaf.arrays import (
    ACCEPTED,
    FLAGS,
    ID,
    KEEPS_PRIVATE,
    KIND,
    RELEASE,
    ROW_TEXT,
    ROW_WORK,
    SESSION,
    SLOT,
    Ints,
)
from homeostat.detectors.leaf.batch import Batch
from homeostat.detectors.leaf.decode import TraceDecoder
from homeostat.detectors.leaf.ids import number_id, number_tenant
from homeostat.detectors.leaf.plan import WORK, Plan
from homeostat.detectors.leaf.routes import Router
from homeostat.detectors.leaf.scan import scan_rows
from homeostat.detectors.leaf.scan_json import read_number
from homeostat.detectors.leaf.scan_tables import ScanTables
from homeostat.detectors.leaf.tables import SEEDS
from homeostat.detectors.leaf.world import World
from homeostat.schemas.canonical import to_json
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.trace import Consent
from tests.builders import traces
from tests.builders.documents import BASELINE_DIGEST, START_MS, policy

PLAN = Plan(policy())
WORLD = World(PLAN, SEEDS)
ROUTER = Router(PLAN, WORLD.cohorts, WORLD.pairs, {BASELINE_DIGEST})
TENANTS = ("tenant-0", "tenant-1")
GOOD = traces.work(1, {"edit_ratio": 0.25, "latency": 75.0, "structure_score": 1.0}, consent=Consent.TENANT)
ROUTE = ROUTER.find(GOOD, 1, START_MS)


def scan(value: bytes, event_id: bytes | None = None) -> tuple[Ints, tuple[float, ...]] | None:
    """The row and values that the scanner gives for a value of tenant-1; None when it leaves it to others."""
    batch = Batch(len(PLAN.specs))
    event_id = GOOD.trace_id.encode() if event_id is None else event_id
    batch.add_text(ROW_TEXT, START_MS, 0, 1, ACCEPTED, value, event_id)
    tables = ScanTables(PLAN).arrays_for(TENANTS)
    scan_rows(batch.rows, batch.values, batch.text, PLAN.max_ahead_ms, tables, ROUTER.arrays)
    line = batch.rows[0]
    return (line, tuple(batch.values[0].tolist())) if line[KIND] == ROW_WORK else None


def equal(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
    return all(x == y or (math.isnan(x) and math.isnan(y)) for x, y in zip(left, right, strict=True))


def test_a_plain_trace_is_scanned_to_the_contracts_values() -> None:
    found = scan(to_json(GOOD))
    assert found is not None
    line, values = found
    assert equal(values, TraceDecoder(PLAN).decode_slow(WORK, to_json(GOOD))[1])
    assert (line[SLOT], line[RELEASE], line[FLAGS]) == (ROUTE.slot, ROUTE.release, KEEPS_PRIVATE)
    high, low, form = number_id(GOOD.trace_id)
    assert line[ID : ID + 3].tolist() == [high, low, form | number_tenant("tenant-1")]
    assert tuple(line[SESSION : SESSION + 3].tolist()) == number_id(GOOD.session)


@pytest.mark.parametrize("indent", [None, 1])
def test_white_space_and_order_do_not_matter(indent: int | None) -> None:
    body = json.loads(to_json(GOOD))
    value = json.dumps(dict(reversed(body.items())), indent=indent).encode()
    assert scan(b" \n" + value + b"\t ") is not None


def test_fields_with_defaults_may_be_left_out() -> None:
    needed = ("trace_id", "tenant", "specialty", "workflow", "runtime", "release", "arm", "session", "actor",
              "work_id", "work_time_ms")  # fmt: skip
    body = json.loads(to_json(GOOD))
    assert scan(json.dumps({name: body[name] for name in needed}).encode()) is not None
    for name in needed:
        assert scan(json.dumps({other: body[other] for other in needed if other != name}).encode()) is None


def test_what_needs_care_is_left_to_the_contract() -> None:
    value = to_json(GOOD)
    assert scan(value.replace(b'"steps":[]', b'"steps":["sign"]')) is None
    assert scan(value.replace(b"scribe-runtime", b"scribe\\u002druntime")) is None
    assert scan(value.replace(b"scribe-runtime", b"another-runtime")) is None
    assert scan(value.replace(b"tenant-1", b"tenant-0")) is None
    assert scan(value, b"f" * 32) is None
    assert scan(value.replace(b'"rollout":null', b'"rollout":""')) is None
    assert scan(value[:-1]) is None
    assert scan(value + b"}") is None
    assert scan(b"") is None


@given(st.floats(0, 1), st.integers(1, 17))
def test_ratios_are_always_read(number: float, digits: int) -> None:
    text = f"{number:.{digits}f}".encode()
    assert read_number(np.frombuffer(text, np.uint8), 0, len(text)) == (float(text), len(text))


@pytest.mark.parametrize("text", ["", "-", ".5", "1.", "01", "1e", "1e+", "+1", "NaN", "1e999", "0x1", "1" * 19])
def test_what_is_no_plain_number_is_not_read(text: str) -> None:
    value, after = read_number(np.frombuffer(f"{text},".encode(), np.uint8), 0, len(text))
    assert after != len(text) or (value, after) == (0.0, -1)


def test_routes_are_found_after_the_table_has_grown() -> None:
    router = Router(PLAN, WORLD.cohorts, WORLD.pairs, {BASELINE_DIGEST})
    many = [traces.work(1, {}, runtime=f"runtime-{n}", rollout=None if n % 2 else "a" * 32) for n in range(700)]
    for trace in many:
        router.find(trace, 1, START_MS)
    assert router.arrays.size[0] == len(many)
    again = router.arrays
    for trace in many:
        router.known.clear()
        router.find(trace, 1, START_MS)
    assert router.arrays is again
    assert again.size[0] == len(many)


def test_a_malformed_trace_never_passes_for_its_route() -> None:
    with pytest.raises(PoisonRecord):
        TraceDecoder(PLAN).decode_slow(WORK, to_json(GOOD).replace(b'"rollout":null', b'"rollout":""'))
