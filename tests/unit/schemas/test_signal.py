"""Signals: which declarations make sense, and how a value comes to [0, 1]."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec


def declare(**changes: Any) -> SignalSpec:
    fields = {
        "name": "edit_ratio",
        "family": Family.OUTCOME,
        "kind": Kind.BOUNDED,
        "direction": Direction.UP,
        "role": Role.GUARDRAIL,
        "tolerance": 0.05,
    }
    return SignalSpec(**{**fields, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"low": 1.0},
        {"low": 2.0},
        {"direction": Direction.BOTH},
        {"kind": Kind.BINARY, "high": 2.0},
        {"kind": Kind.BINARY, "clip": True},
        {"max_age_s": 60.0},
        {"tolerance": 1.5},
        {"high": float("inf")},
        {"name": "Edit Ratio"},
    ],
)
def test_declarations_that_make_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        declare(**changes)


def test_feedback_may_have_a_greatest_age() -> None:
    assert declare(carrier=Carrier.FEEDBACK, max_age_s=60.0).max_age_s == 60.0


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1))
def test_values_inside_the_range_come_to_the_unit_interval(low: float, width: float, part: float) -> None:
    signal = declare(low=low, high=low + width)
    value = min(max(low + part * width, signal.low), signal.high)
    assert signal.scale(signal.low) == 0.0
    assert signal.scale(signal.high) == 1.0
    assert 0.0 <= signal.scale(value) <= 1.0


def test_values_outside_are_refused_or_clipped() -> None:
    clipped = declare(high=60.0, clip=True)
    assert (clipped.scale(-1.0), clipped.scale(15.0), clipped.scale(1e9)) == (0.0, 0.25, 1.0)
    with pytest.raises(PoisonRecord, match=r"outside \[0, 60\]") as refused:
        declare(high=60.0).scale(60.5)
    assert refused.value.reason is Refusal.OUT_OF_RANGE


@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, 1e-300])
def test_a_binary_value_is_zero_or_one(value: float) -> None:
    signal = declare(kind=Kind.BINARY)
    assert (signal.scale(0.0), signal.scale(1.0)) == (0.0, 1.0)
    with pytest.raises(PoisonRecord, match="out_of_range"):
        signal.scale(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_even_where_it_would_be_clipped(value: float) -> None:
    with pytest.raises(PoisonRecord) as refused:
        declare(clip=True).scale(value)
    assert refused.value.reason is Refusal.NOT_FINITE
