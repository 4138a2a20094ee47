"""The AsyncAPI document: every topic, every message, and no reference that leads nowhere."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from homeostat.schemas.asyncapi import describe_topics
from homeostat.schemas.base import Message
from homeostat.schemas.contract import CONTROL_MESSAGES, MESSAGES, SIGNED_MESSAGES
from homeostat.schemas.topics import STAGE_INPUTS, TOPICS, TRACES
from tests.golden.examples import all_examples

DOCUMENT = describe_topics()
COMPONENTS = DOCUMENT["components"]
IN_TOPICS = CONTROL_MESSAGES.union(*(spec.models for spec in TOPICS.values()))
MODELS = [model for model in MESSAGES.values() if model in IN_TOPICS]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_every_reference_leads_somewhere() -> None:
    assert all(resolve(reference) for reference in references(DOCUMENT))


def test_every_topic_with_messages_is_a_channel_with_its_settings() -> None:
    assert set(DOCUMENT["channels"]) == {name for name in TOPICS if not name.startswith("state.")}
    kafka = DOCUMENT["channels"][TRACES]["bindings"]["kafka"]
    assert kafka["topicConfiguration"] == {
        "cleanup.policy": ["delete"],
        "retention.ms": 7 * 86_400_000,
        "max.message.bytes": 1_048_576,
    }
    commands = DOCUMENT["channels"]["release.commands.v1"]["bindings"]["kafka"]["topicConfiguration"]
    assert commands["cleanup.policy"] == ["compact"]


def test_every_message_of_a_topic_is_described() -> None:
    assert {message["name"] for message in COMPONENTS["messages"].values()} == {model.ce_type for model in MODELS}


def test_control_records_are_in_the_inputs_of_stages() -> None:
    for topic in STAGE_INPUTS.values():
        assert {model.__name__ for model in CONTROL_MESSAGES} <= set(DOCUMENT["channels"][topic]["messages"])


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_payloads_are_described_as_they_travel(model: type[Message]) -> None:
    described = COMPONENTS["messages"][model.__name__]
    payload = described["x-signed-payload"] if model in SIGNED_MESSAGES else described["payload"]
    validator = jsonschema.Draft202012Validator({**payload, "components": COMPONENTS})
    validator.validate(all_examples()[model.ce_type].model_dump(mode="json"))
    assert ("dsse" in described["contentType"]) == (model in SIGNED_MESSAGES)
    assert MESSAGES[described["headers"]["properties"]["ce_type"]["const"]] is model
