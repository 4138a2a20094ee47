"""Header names, and the CloudEvents 1.0 Kafka headers that every output carries."""

from homeostat.schemas.log import Headers

CE_ID, CE_TYPE, CE_SOURCE, CE_SPEC = "ce_id", "ce_type", "ce_source", "ce_specversion"
CONTENT_TYPE = "content-type"
JSON_CONTENT = b"application/json"
DSSE_CONTENT = b"application/vnd.dsse.envelope+json"
STRUCTURED_CONTENT = b"application/cloudevents+json"
TRACEPARENT = "traceparent"
STAGE, SOURCE_PARTITION, MARK, INDEX = "hs-stage", "hs-source-partition", "hs-mark", "hs-index"


def event_headers(ce_type: str, event_id: str, source: str, content: bytes = JSON_CONTENT) -> list[tuple[str, bytes]]:
    """Binary-mode headers of one CloudEvent."""
    return [
        (CE_SPEC, b"1.0"),
        (CE_ID, event_id.encode()),
        (CE_SOURCE, source.encode()),
        (CE_TYPE, ce_type.encode()),
        (CONTENT_TYPE, content),
    ]


def output_headers(ce_type: str, stage: str, partition: int, mark: int, index: int, signed: bool = False) -> Headers:
    """Headers of a stage's output. Readers drop repeats by (stage, source partition, mark, index).

    `mark` is the offset of the record that caused it; `index` counts the outputs of that record from 0.
    """
    content = DSSE_CONTENT if signed else JSON_CONTENT
    return [
        *event_headers(ce_type, f"{stage}-{partition}-{mark}-{index}", f"/homeostat/{stage}/{partition}", content),
        (STAGE, stage.encode()),
        (SOURCE_PARTITION, str(partition).encode()),
        (MARK, str(mark).encode()),
        (INDEX, str(index).encode()),
    ]


def find_header(headers: Headers, name: str) -> bytes | None:
    """The first header of that name, or None."""
    for key, value in headers:
        if key == name:
            return value
    return None
