"""From bytes to a message, or to the one reason why not."""

import json
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from homeostat.schemas.base import MAJOR, MINOR, Message
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.reasons import Refusal

M = TypeVar("M", bound=Message)

_BY_ERROR_TYPE = {
    "extra_forbidden": Refusal.UNKNOWN_FIELD,
    "finite_number": Refusal.NOT_FINITE,
    "string_too_long": Refusal.OVER_LONG,
    "too_long": Refusal.OVER_LONG,
    "greater_than": Refusal.OUT_OF_RANGE,
    "greater_than_equal": Refusal.OUT_OF_RANGE,
    "less_than": Refusal.OUT_OF_RANGE,
    "less_than_equal": Refusal.OUT_OF_RANGE,
    "json_invalid": Refusal.NOT_JSON,
}


def parse_message(model: type[M], value: bytes | None) -> tuple[M, int]:
    """(message, number of ignored fields of a newer minor version). Raises `PoisonRecord`."""
    if value is None:
        raise PoisonRecord(Refusal.NOT_JSON, "no value")
    try:
        return model.model_validate_json(value), 0
    except ValidationError as error:
        details = error.errors(include_url=False)
        if all(detail["type"] == "extra_forbidden" for detail in details):
            return _parse_newer(model, value, details)
        raise _explain(details) from None


def _parse_newer(model: type[M], value: bytes, details: list[ErrorDetails]) -> tuple[M, int]:
    body = json.loads(value)
    if not _is_newer_minor(body.get("version")):
        raise _explain(details)
    for detail in details:
        _drop_field(body, detail["loc"])
    try:
        return model.model_validate_json(json.dumps(body)), len(details)
    except ValidationError as error:
        raise _explain(error.errors(include_url=False)) from None


def _is_newer_minor(version: object) -> bool:
    if not isinstance(version, str) or version.count(".") != 1:
        return False
    major, minor = version.split(".")
    return major == str(MAJOR) and minor.isdecimal() and int(minor) > MINOR


def _drop_field(body: Any, path: tuple[int | str, ...]) -> None:
    for step in path[:-1]:
        body = body[step]
    del body[path[-1]]


def _explain(details: list[ErrorDetails]) -> PoisonRecord:
    """The gravest error first: what looks like text or people, then the first in the message's order."""
    for detail in details:
        if detail["type"] in ("string_pattern_mismatch", "string_too_long") and isinstance(detail["input"], str):
            reason = _classify_text(detail["input"])
            if reason is not None:
                return PoisonRecord(reason, _place(detail))
    first = details[0]
    return PoisonRecord(_BY_ERROR_TYPE.get(first["type"], Refusal.SCHEMA), _place(first))


def _classify_text(text: str) -> Refusal | None:
    if "@" in text:
        return Refusal.PERSONAL_DATA
    if any(character.isspace() for character in text):
        return Refusal.FREE_TEXT
    return None


def _place(detail: ErrorDetails) -> str:
    """Where and what kind; never the value."""
    return f"{'.'.join(str(step) for step in detail['loc'])} ({detail['type']})"
