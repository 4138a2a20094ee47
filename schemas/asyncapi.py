"""The topics table and its messages as one AsyncAPI 3 document."""

from collections.abc import Iterable
from typing import Any

from homeostat.schemas.base import VERSION, Message
from homeostat.schemas.contract import CONTROL_MESSAGES, SIGNED_MESSAGES, describe_model
from homeostat.schemas.control import CONTROL_HEADER
from homeostat.schemas.dsse import payload_type
from homeostat.schemas.exposure import PublisherReport
from homeostat.schemas.headers import CE_ID, CE_SOURCE, CE_SPEC, CE_TYPE, CONTENT_TYPE, DSSE_CONTENT, JSON_CONTENT
from homeostat.schemas.mac import MAC_HEADER
from homeostat.schemas.topics import STAGE_INPUTS, TOPICS, TRACES, Cleanup, TopicSpec
from homeostat.schemas.trace import FeedbackTrace, WorkTrace

_CONTROLLED = frozenset(STAGE_INPUTS.values())
_AUTHENTICATED = frozenset({WorkTrace, FeedbackTrace, PublisherReport})
_COMPONENT = "#/components/schemas/{model}"
_HEADERS = (CE_SPEC, CE_ID, CE_SOURCE, CE_TYPE, CONTENT_TYPE)


def describe_topics() -> dict[str, Any]:
    """An AsyncAPI 3.0 document: a channel a topic, an operation for each way, a message a type."""
    topics = {name: spec for name, spec in TOPICS.items() if _models(spec)}
    models = sorted({m for spec in topics.values() for m in _models(spec)}, key=lambda model: model.ce_type)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:homeostat:contract",
        "info": {
            "title": "Homeostat",
            "version": VERSION,
            "description": "CloudEvents 1.0 on Kafka: binary mode is written, structured mode read as well.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON_CONTENT.decode(),
        "channels": {name: _describe_channel(spec) for name, spec in topics.items()},
        "operations": {
            "publishTraces": {
                "action": "send",
                "summary": "What a runtime does; homeostat.Publisher does it for Python.",
                "channel": {"$ref": _channel(TRACES)},
                "messages": [{"$ref": f"{_channel(TRACES)}/messages/{m.__name__}"} for m in (WorkTrace, FeedbackTrace)],
            },
            **{f"read.{name}": {"action": "receive", "channel": {"$ref": _channel(name)}} for name in topics},
        },
        "components": {
            "messages": {model.__name__: _describe_message(model) for model in models},
            "schemas": {"Envelope": _ENVELOPE, **_describe_payloads(models)},
        },
    }


def _models(spec: TopicSpec) -> list[type[Message]]:
    models = {*spec.models, *(CONTROL_MESSAGES if spec.name in _CONTROLLED else ())}
    return sorted(models, key=lambda model: model.ce_type)


def _channel(name: str) -> str:
    return f"#/channels/{name}"


def _describe_payloads(models: Iterable[type[Message]]) -> dict[str, Any]:
    """Every message and every part of one, side by side; equal names are the same class."""
    described: dict[str, Any] = {}
    for model in models:
        schema = describe_model(model, _COMPONENT)
        described |= schema.pop("$defs", {})
        described[model.__name__] = schema
    return described


def _describe_channel(spec: TopicSpec) -> dict[str, Any]:
    return {
        "address": spec.name,
        "description": f"Key: {spec.key}. Partitions: {spec.spread}. Time: {spec.timestamps}.",
        "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in _models(spec)},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "topicConfiguration": {
                    "cleanup.policy": [spec.cleanup.value],
                    "max.message.bytes": spec.max_message_bytes,
                    **({"retention.ms": spec.retention_ms} if spec.cleanup is Cleanup.DELETE else {}),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _describe_message(model: type[Message]) -> dict[str, Any]:
    signed = model in SIGNED_MESSAGES
    payload = {"$ref": _COMPONENT.format(model=model.__name__)}
    described: dict[str, Any] = {
        "name": model.ce_type,
        "contentType": (DSSE_CONTENT if signed else JSON_CONTENT).decode(),
        "headers": _describe_headers(model),
        "payload": {"$ref": _COMPONENT.format(model="Envelope")} if signed else payload,
    }
    if signed:
        described["summary"] = f"A DSSE envelope of the payload type {payload_type(model.ce_type)}"
        described["x-signed-payload"] = payload
    return described


def _describe_headers(model: type[Message]) -> dict[str, Any]:
    required = {*_HEADERS, *({MAC_HEADER} if model in _AUTHENTICATED else ())}
    names = {name: {"type": "string"} for name in sorted(required)}
    names["ce_type"] = {"const": model.ce_type}
    if model in CONTROL_MESSAGES:
        names[CONTROL_HEADER] = {"type": "string", "description": "In the input of a stage."}
    return {"type": "object", "required": sorted(required), "properties": names}


_ENVELOPE = {
    "description": "DSSE 1.0 (https://github.com/secure-systems-lab/dsse); base64 of the payload's JSON.",
    "type": "object",
    "additionalProperties": False,
    "required": ["payload", "payloadType", "signatures"],
    "properties": {
        "payload": {"type": "string", "contentEncoding": "base64"},
        "payloadType": {"type": "string"},
        "signatures": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["keyid", "sig"],
                "properties": {"keyid": {"type": "string"}, "sig": {"type": "string", "contentEncoding": "base64"}},
            },
        },
    },
}
