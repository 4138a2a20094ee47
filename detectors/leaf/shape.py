"""The shape of a refused value: which declared fields it has, of what types. Never a value or a strange name."""

import json
from typing import Any, Final

from homeostat.schemas.trace import FeedbackTrace, WorkTrace

_DECLARED: Final = frozenset(WorkTrace.model_fields) | frozenset(FeedbackTrace.model_fields)
_LIMIT: Final = 2000
_PARSED_BYTES: Final = 1_000_000
_TYPES: Final = {dict: "object", list: "array", str: "string", int: "number", float: "number", bool: "boolean"}


def describe_shape(value: bytes | None) -> str:
    """One word for what is no JSON object, else `field:type` of the declared fields, `?` for others; ≤ 2,000 letters.

    >>> describe_shape(b'{"tenant": "a", "patient": {}}')
    'tenant:string ?:object'
    """
    if value is None:
        return "nothing"
    if len(value) > _PARSED_BYTES:
        return "oversize"
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return "not json"
    if not isinstance(body, dict):
        return _type_of(body)
    fields = (f"{name if name in _DECLARED else '?'}:{_type_of(held)}" for name, held in body.items())
    return " ".join(fields)[:_LIMIT]


def _type_of(held: Any) -> str:
    return _TYPES.get(type(held), "null")
