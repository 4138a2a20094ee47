"""From bytes to a message, or to the one reason why not."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from homeostat.schemas.base import MAJOR, MINOR, Message
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal

M = TypeVar("M", bound=Message)

_BY_ERROR_TYPE = {
    "json_invalid": Refusal.NOT_JSON,
    "finite_number": Refusal.NOT_FINITE,
    "string_too_long": Refusal.OVER_LONG,
    "too_long": Refusal.OVER_LONG,
    "greater_than": Refusal.OUT_OF_RANGE,
    "greater_than_equal": Refusal.OUT_OF_RANGE,
    "less_than": Refusal.OUT_OF_RANGE,
    "less_than_equal": Refusal.OUT_OF_RANGE,
    "extra_forbidden": Refusal.UNKNOWN_FIELD,
}
_GRAVEST_FIRST = (
    Refusal.NOT_JSON,
    Refusal.PERSONAL_DATA,
    Refusal.FREE_TEXT,
    Refusal.NOT_FINITE,
    Refusal.OVER_LONG,
    Refusal.OUT_OF_RANGE,
    Refusal.UNKNOWN_FIELD,
    Refusal.SCHEMA,
)
_PERSON = re.compile(r"(?:[A-Z][a-z]*\.?,? ){1,3}[A-Z][a-z]+\.?")
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}")


def parse_message(model: type[M], value: bytes | None) -> tuple[M, int]:
    """(message, number of ignored fields of a newer minor version). Raises `PoisonRecord`, and nothing else.

    JSON types are strict: no number as a string, no 1.0 for an integer; an integer stands for a float. Of a key that
    is there twice the last counts, as in every common parser; the MAC or signature is over the bytes anyway.
    """
    if value is None:
        raise PoisonRecord(Refusal.NOT_JSON, "no value")
    try:
        message, ignored = model.model_validate_json(value, strict=True), 0
    except ValidationError as error:
        message, ignored = _parse_newer(model, value, error)
    if _major(message.version) != MAJOR:
        raise PoisonRecord(Refusal.UNSUPPORTED_VERSION, f"{message.version}, this build reads {MAJOR}.x")
    return message, ignored


def _parse_newer(model: type[M], value: bytes, error: ValidationError) -> tuple[M, int]:
    version = _peek_version(value)
    if version is not None and _major(version) != MAJOR:
        raise PoisonRecord(Refusal.UNSUPPORTED_VERSION, f"{version}, this build reads {MAJOR}.x") from None
    if version is None or int(version.partition(".")[2]) <= MINOR:
        raise explain_invalid(model, error) from None
    try:
        message = model.model_validate_json(value, strict=True, extra="ignore")
    except ValidationError as remaining:
        raise explain_invalid(model, remaining) from None
    return message, sum(detail["type"] == "extra_forbidden" for detail in error.errors(include_url=False))


def _peek_version(value: bytes) -> str | None:
    try:
        body = from_json(value)
    except ValueError:
        return None
    version = body.get("version") if isinstance(body, dict) else None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else None


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def explain_invalid(model: type[Message], error: ValidationError) -> PoisonRecord:
    """What pydantic found, as a refusal: the gravest reason, and of several places with it the first."""
    details = error.errors(include_url=False, include_context=False)
    reasons = [_classify(detail) for detail in details]
    gravest = min(reasons, key=_GRAVEST_FIRST.index)
    return PoisonRecord(gravest, _place(model, details[reasons.index(gravest)]))


def _classify(detail: ErrorDetails) -> Refusal:
    texts = [step for step in detail["loc"][-1:] if isinstance(step, str)]
    found = detail["input"]
    if isinstance(found, str):
        texts.append(found)
    for reason in (Refusal.PERSONAL_DATA, Refusal.FREE_TEXT):
        if any(_classify_text(text) is reason for text in texts):
            return reason
    if isinstance(found, float) and not math.isfinite(found):
        return Refusal.NOT_FINITE
    return _BY_ERROR_TYPE.get(detail["type"], Refusal.SCHEMA)


def _classify_text(text: str) -> Refusal | None:
    if "@" in text or _PERSON.fullmatch(text):
        return Refusal.PERSONAL_DATA
    if any(character.isspace() for character in text):
        return Refusal.FREE_TEXT
    return None


def _place(model: type[Message], detail: ErrorDetails) -> str:
    """Where and what kind; never the value, nor a name that the sender made up."""
    known = declared_names(model)
    path = (str(step) if isinstance(step, int) or step in known else "?" for step in detail["loc"])
    return f"{'.'.join(path)} ({detail['type']})"


@lru_cache
def declared_names(model: type[Message]) -> frozenset[str]:
    """Every field name that a message and its parts declare."""
    return frozenset(_property_names(model.model_json_schema()))


def _property_names(schema: Any) -> set[str]:
    if isinstance(schema, Mapping):
        own = set(schema["properties"]) if isinstance(schema.get("properties"), Mapping) else set()
        return own.union(*(_property_names(part) for part in schema.values()))
    if isinstance(schema, list):
        return set[str]().union(*(_property_names(part) for part in schema))
    return set()
