"""The contract as others read it: JSON Schemas that agree with the models, and one place for every type."""

import inspect
import json
from importlib import import_module
from pkgutil import iter_modules

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import homeostat.schemas
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.contract import CONTROL_MESSAGES, MESSAGES, SIGNED_MESSAGES, describe_message
from homeostat.schemas.control import Document
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import Policy
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import TOPICS
from tests.golden.examples import all_examples
from tests.unit.schemas.json_values import broken

BODIES = {Policy, ReleaseManifest, Rollout}
"""Messages that travel inside a document."""
VALIDATORS = {name: jsonschema.Draft202012Validator(describe_message(model)) for name, model in MESSAGES.items()}


def test_every_message_of_the_package_is_in_the_contract_once() -> None:
    modules = [import_module(f"homeostat.schemas.{found.name}") for found in iter_modules(homeostat.schemas.__path__)]
    found = {
        kind
        for module in modules
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Message) and "ce_type" in vars(kind) and "[" not in kind.__name__
    }
    assert found - BODIES - {Document} == set(MESSAGES.values())
    assert len({model.ce_type for model in MESSAGES.values()}) == len(MESSAGES)


def test_every_model_of_a_topic_is_in_the_contract() -> None:
    assert {model for spec in TOPICS.values() for model in spec.models} <= set(MESSAGES.values())
    assert set(MESSAGES.values()) >= SIGNED_MESSAGES >= CONTROL_MESSAGES


@pytest.mark.parametrize("ce_type", MESSAGES)
def test_schemas_are_schemas_and_describe_the_examples(ce_type: str) -> None:
    jsonschema.Draft202012Validator.check_schema(describe_message(MESSAGES[ce_type]))
    VALIDATORS[ce_type].validate(all_examples()[ce_type].model_dump(mode="json"))


@given(st.data())
def test_what_a_model_reads_its_schema_allows(data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(sorted(all_examples().values(), key=lambda message: message.ce_type)))
    body = data.draw(broken(example.model_dump(mode="json")))
    try:
        message, _ = parse_message(type(example), json.dumps(body).encode(errors="replace"))
    except PoisonRecord:
        return
    assert VALIDATORS[message.ce_type].is_valid(json.loads(to_json(message)))


def test_schemas_refuse_what_is_not_declared() -> None:
    body = all_examples()["homeostat.trace.work"].model_dump(mode="json")
    validator = VALIDATORS["homeostat.trace.work"]
    assert validator.is_valid(body)
    assert not validator.is_valid({**body, "note": "free text"})
    assert not validator.is_valid({**body, "signals": {"Jane Doe": 1.0}})
