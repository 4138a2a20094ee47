"""The policy that a new installation starts from, and the core of the scribe's registry."""

import pytest

from homeostat.schemas.defaults import default_policy, demo_times
from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role

GUARDRAILS = {
    "edit_ratio": 0.05,
    "unsupported_ratio": 0.05,
    "omission_ratio": 0.05,
    "accepted": 0.10,
    "latency_s": 0.05,
    "session_yield": 0.02,
}
SIGNALS = {signal.name: signal for signal in core_scribe_signals()}


def test_six_guardrails_with_their_tolerances_and_three_other_signals() -> None:
    assert {n: s.tolerance for n, s in SIGNALS.items() if s.role is Role.GUARDRAIL} == GUARDRAILS
    others = {name for name, signal in SIGNALS.items() if signal.role is not Role.GUARDRAIL}
    assert others == {"structure_score", "dialogue_words", "field_completeness"}


def test_carriers() -> None:
    assert {n for n, s in SIGNALS.items() if s.carrier is Carrier.FEEDBACK} == {"edit_ratio", "accepted"}
    assert {n for n, s in SIGNALS.items() if s.carrier is Carrier.EXPOSURE} == {"session_yield"}


def test_kinds_and_directions() -> None:
    assert {n for n, s in SIGNALS.items() if s.kind is Kind.BINARY} == {"accepted", "session_yield"}
    assert all(s.kind in {Kind.BINARY, Kind.BOUNDED} for s in SIGNALS.values())
    down = {"accepted", "session_yield", "structure_score"}
    assert {n for n, s in SIGNALS.items() if s.direction is Direction.DOWN} == down
    assert {n for n, s in SIGNALS.items() if s.direction is Direction.BOTH} == {"dialogue_words", "field_completeness"}
    assert {n for n, s in SIGNALS.items() if s.family is Family.INPUT} == {"dialogue_words", "field_completeness"}


def test_latency_is_clipped_at_a_minute() -> None:
    assert SIGNALS["latency_s"].scale(90.0) == 1.0
    assert SIGNALS["latency_s"].scale(3.0) == pytest.approx(0.05)


def test_every_signal_says_why_and_whose_it_is() -> None:
    assert all(s.why.endswith(".") and s.owner for s in SIGNALS.values())


def test_times_of_production_and_demo() -> None:
    times, demo = default_policy().times, demo_times()
    assert (times.tick_s, times.bucket_s, times.session_s, times.lease_ttl_s, times.clock_skew_s) == (1, 10, 20, 60, 2)
    assert (demo.tick_s, demo.bucket_s, demo.session_s, demo.lease_ttl_s, demo.clock_skew_s) == (0.5, 1, 6, 15, 1)
    assert (default_policy().partitions, default_policy(demo, 4).partitions) == (16, 4)


def test_a_new_installation_gets_the_whole_registry_of_its_runtime() -> None:
    assert default_policy().signals == signals_of(Runtime.SCRIBE)
    assert default_policy(runtime=Runtime.BILLING).signals == signals_of(Runtime.BILLING)
    assert default_policy(signals=core_scribe_signals()).signals == core_scribe_signals()
