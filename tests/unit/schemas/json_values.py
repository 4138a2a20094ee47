"""Strategies for JSON: documents that a JSON Schema of ours allows, and documents broken in one place."""

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]
_BIGGEST = 2**62

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["Jane Doe", "jane@example.org", "the patient says no", "x" * 5000, 10**400, -1, 1.5, ""])
)
anything = st.recursive(
    scalars,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3),
    max_leaves=6,
)


def values_of(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that a schema allows; lists and maps stay short."""
    return _Builder(schema.get("$defs", {})).build(schema)


class _Builder:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def build(self, schema: Schema) -> st.SearchStrategy[Any]:
        if "$ref" in schema:
            return self.build(self._definitions[schema["$ref"].removeprefix("#/$defs/")])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "anyOf" in schema:
            return st.one_of([self.build(part) for part in schema["anyOf"]])
        return self._typed(schema)

    def _typed(self, schema: Schema) -> st.SearchStrategy[Any]:
        match schema["type"]:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "string":
                return _strings(schema)
            case "integer":
                return _integers(schema)
            case "number":
                return _numbers(schema)
            case "array":
                low = schema.get("minItems", 0)
                high = min(schema.get("maxItems", low + 2), low + 2)
                return st.lists(self.build(schema["items"]), min_size=low, max_size=high)
            case _:
                return self._objects(schema)

    def _objects(self, schema: Schema) -> st.SearchStrategy[Any]:
        if "properties" not in schema:
            ((pattern, value),) = schema["patternProperties"].items()
            names = _strings({**schema["propertyNames"], "pattern": pattern})
            return st.dictionaries(names, self.build(value), max_size=2)
        required = set(schema.get("required", ()))
        parts = {name: self.build(part) for name, part in schema["properties"].items() if name != "version"}
        optional = {name: part for name, part in parts.items() if name not in required}
        return st.fixed_dictionaries({name: parts[name] for name in required}, optional=optional)


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    most = schema.get("maxLength", 40)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z", fullmatch=True).filter(
            lambda text: len(text) <= most and text.isascii()
        )
    return st.text(max_size=min(most, 40))


def _integers(schema: Schema) -> st.SearchStrategy[int]:
    low = schema.get("minimum", -_BIGGEST)
    high = schema.get("maximum", schema.get("exclusiveMaximum", _BIGGEST + 1) - 1)
    return st.integers(low + ("exclusiveMinimum" in schema), min(high, _BIGGEST))


def _numbers(schema: Schema) -> st.SearchStrategy[float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1e300))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1e300))
    return st.floats(
        low,
        high,
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
    )


@st.composite
def broken(draw: st.DrawFn, document: Any) -> Any:
    """A document with one change somewhere: a value replaced, a field removed, renamed or added."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 3)) == 0:
        return draw(anything)
    if isinstance(document, list):
        place = draw(st.integers(0, len(document) - 1))
        return [*document[:place], draw(broken(document[place])), *document[place + 1 :]]
    name = draw(st.sampled_from(sorted(document)))
    rest = {key: value for key, value in document.items() if key != name}
    match draw(st.sampled_from(["change", "remove", "rename", "add"])):
        case "change":
            return {**document, name: draw(broken(document[name]))}
        case "remove":
            return rest
        case "rename":
            return {**rest, draw(st.text(max_size=20)): document[name]}
        case _:
            return {**document, draw(st.text(max_size=20)): draw(anything)}
