import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from homeostat.streams.logging_setup import configure_logging


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_json_lines_carry_context_and_coordinates(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("auto", "info", role="observe")
    structlog.get_logger("leaf").info("refused", topic="traces.v1", partition=3, offset=17)
    logging.getLogger("aiokafka").warning("broker %s went away", 1)
    structlog.get_logger("leaf").debug("not shown")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["refused", "broker 1 went away"]
    assert {line["role"] for line in lines} == {"observe"}
    assert (lines[0]["topic"], lines[0]["partition"], lines[0]["offset"]) == ("traces.v1", 3, 17)
    assert all(line["time"].endswith("Z") for line in lines)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_payload_and_no_local_variable_is_written(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json" if log_format == "json" else "console")
    logger = structlog.get_logger("leaf")

    def fail() -> None:
        kept = "secret-local"
        raise RuntimeError(f"{len(kept)} characters")

    logger.info("one", payload={"note": "secret-note"}, data=b"secret-bytes", value="secret-value")
    try:
        fail()
    except RuntimeError:
        logger.exception("two")
    written = capsys.readouterr().err
    assert "two" in written
    assert "12 characters" in written
    assert "secret-" not in written.replace('kept = "secret-local"', "")


def test_set_up_twice_writes_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    configure_logging("json")
    logging.getLogger("x").warning("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
