from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeostat.streams.scenarios.scenario import Scenario

TINY: dict[str, Any] = {
    "name": "tiny",
    "days": 8,
    "tenants": ["north"],
    "specialties": ["cardiology"],
    "sessions_per_day": 80,
    "cycle": {"hours": "round_the_clock"},
    "feedback": {"share": 1.0, "delay_h": 0.5, "tail": 0.1},
    "policy": {"baseline": {"first_sessions": 100}},
    "changes": [{"at_day": 4, "signals": {"unsupported_ratio": {"add": 0.4}}}],
    "truth": [{"class": "prompt_drift", "harm": "dangerous"}],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a scenario file: the tiny one with other fields."""

    def write_file(file: str = "tiny.yaml", **fields: Any) -> Path:
        path = tmp_path / file
        path.write_text(yaml.safe_dump({**TINY, **fields}))
        return path

    return write_file


@pytest.fixture
def build() -> Callable[..., Scenario]:
    """Builds the tiny scenario with other fields."""
    return lambda **fields: Scenario.model_validate({**TINY, **fields})
