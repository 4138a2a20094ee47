"""The three registries: complete, explained, within their columns, and as docs/signals.md shows them."""

import re
from pathlib import Path

import pytest
import yaml

from homeostat.schemas.defaults import default_policy
from homeostat.schemas.policy import Policy
from homeostat.schemas.registries.catalogue import Runtime, signals_of
from homeostat.schemas.registries.scribe_core import core_scribe_signals
from homeostat.schemas.registries.tables import write_tables
from homeostat.schemas.signal import Carrier, Family, Kind, Role, SignalSpec, Source

PAGE = (Path(__file__).parents[4] / "docs" / "signals.md").read_text()
MAX_COLUMNS = 64
every_runtime = pytest.mark.parametrize("runtime", list(Runtime))


def names(runtime: Runtime, *, role: Role) -> set[str]:
    return {spec.name for spec in signals_of(runtime) if spec.role is role}


@every_runtime
def test_at_least_twelve_signals_in_at_most_64_columns(runtime: Runtime) -> None:
    assert len(signals_of(runtime)) >= 12
    assert len(default_policy(runtime=runtime).columns) <= MAX_COLUMNS


@every_runtime
def test_every_family_kind_carrier_and_role_but_diagnostic_is_there(runtime: Runtime) -> None:
    signals = signals_of(runtime)
    assert {spec.family for spec in signals} == set(Family)
    assert {spec.kind for spec in signals} == set(Kind)
    assert {spec.carrier for spec in signals} == set(Carrier)
    assert {spec.role for spec in signals} == set(Role) - {Role.DIAGNOSTIC}
    assert {spec.source for spec in signals} == set(Source)


@every_runtime
def test_every_signal_says_why_in_a_sentence_and_whose_it_is(runtime: Runtime) -> None:
    for spec in signals_of(runtime):
        assert re.fullmatch(r"[A-Z].{29,}\.", spec.why), spec.name
        assert spec.owner != "platform", spec.name
        assert 0.0 < spec.tolerance <= 0.10 or spec.role is Role.NEVER, spec.name


@every_runtime
def test_work_and_people_are_told_apart_in_the_workflow(runtime: Runtime) -> None:
    workflow = [spec for spec in signals_of(runtime) if spec.family is Family.WORKFLOW]
    by_work = {spec.source for spec in workflow if spec.carrier is Carrier.WORK}
    assert by_work == {Source.MISSING_STEPS, Source.STEP_ORDER}
    assert sum(spec.carrier is Carrier.FEEDBACK for spec in workflow) >= 3


@every_runtime
def test_spread_limit_and_an_embedding_of_32_dimensions(runtime: Runtime) -> None:
    signals = signals_of(runtime)
    assert any(spec.spread for spec in signals)
    assert any(spec.limit is not None for spec in signals)
    assert [spec.dimensions for spec in signals if spec.kind is Kind.EMBEDDING] == [32]


@every_runtime
def test_feedback_has_an_age_at_which_it_is_compared(runtime: Runtime) -> None:
    feedback = [spec for spec in signals_of(runtime) if spec.carrier is Carrier.FEEDBACK]
    assert all(spec.max_age_s is not None for spec in feedback)


def test_what_must_never_happen() -> None:
    assert names(Runtime.SCRIBE, role=Role.NEVER) == {"consent_missing", "invented_allergy"}
    assert names(Runtime.RECEPTIONIST, role=Role.NEVER) == {"consent_missing", "payment_without_consent"}
    assert names(Runtime.BILLING, role=Role.NEVER) == {"payment_without_consent", "invented_diagnosis"}


def test_the_scribes_guardrails_are_those_of_its_core() -> None:
    core = core_scribe_signals()
    assert signals_of(Runtime.SCRIBE)[: len(core)] == core
    assert names(Runtime.SCRIBE, role=Role.GUARDRAIL) == {spec.name for spec in core if spec.role is Role.GUARDRAIL}


def test_the_page_shows_the_registries() -> None:
    assert PAGE.endswith(write_tables())


def test_the_pages_examples_can_be_declared_together_and_show_every_kind() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    declared = tuple(SignalSpec.model_validate(entry) for block in blocks for entry in yaml.safe_load(block))
    assert {spec.kind for spec in declared} == set(Kind)
    assert {spec.role for spec in declared} == set(Role)
    assert len(Policy(signals=declared).columns) > len(declared)
