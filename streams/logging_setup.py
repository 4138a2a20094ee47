"""structlog for every process: JSON lines when nobody watches, a console otherwise. Never a payload."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LogFormat = Literal["auto", "json", "console"]
PAYLOAD_KEYS = frozenset({"body", "data", "headers", "message_value", "payload", "raw", "record", "trace", "value"})


def configure_logging(log_format: LogFormat = "auto", level: str = "info", **context: str) -> None:
    """Send structlog and the standard library's loggers to standard error as one stream of lines.

    `auto` means console on a terminal and JSON elsewhere. `context` (role, stage, client id) goes on every line.
    Calling it again replaces what the last call set.
    """
    shared = _shared_processors()
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(as_json)]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)


def drop_payloads(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what may hold a message by its size, whatever a caller passed by mistake.

    >>> drop_payloads(None, "info", {"event": "refused", "payload": b"secret", "offset": 3})
    {'event': 'refused', 'payload': '<6 bytes>', 'offset': 3}
    """
    return {name: _sized(value) if _is_payload(name, value) else value for name, value in event.items()}


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        drop_payloads,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _renderers(as_json: bool) -> list[Processor]:
    # Both formatters would print local variables, which may be payloads, if left to their defaults.
    if not as_json:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]


def _is_payload(name: str, value: object) -> bool:
    return isinstance(value, bytes | bytearray | memoryview) or (
        name in PAYLOAD_KEYS and not isinstance(value, int | float | bool | None)
    )


def _sized(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview | str):
        return f"<{len(value)} {'characters' if isinstance(value, str) else 'bytes'}>"
    return f"<{type(value).__name__}>"
