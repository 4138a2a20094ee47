"""The contract as files: one JSON Schema a message, and the AsyncAPI document of the topics."""

import json
from pathlib import Path
from typing import Any

from homeostat.schemas.asyncapi import describe_topics
from homeostat.schemas.contract import MESSAGES, describe_message

ASYNCAPI_FILE = "asyncapi.json"


def write_contract(folder: Path) -> list[Path]:
    """Write everything anew; the paths written. Files that an older version left are removed."""
    documents = {f"{ce_type}.schema.json": describe_message(model) for ce_type, model in MESSAGES.items()}
    documents[ASYNCAPI_FILE] = describe_topics()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.schema.json"):
        if old.name not in documents:
            old.unlink()
    return [_write(folder / name, document) for name, document in documents.items()]


def _write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
