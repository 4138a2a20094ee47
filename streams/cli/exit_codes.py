"""Exit codes of every `homeostat` command: the one place where they are given."""

from enum import IntEnum

from homeostat.schemas.errors import (
    BrokerUnavailable,
    BuildRefusesMost,
    DocumentInvalid,
    HomeostatError,
    PoisonRecord,
    RetryableError,
    SignatureRefused,
    StateCorrupt,
    TopicsUnfit,
)
from homeostat.streams.errors import CommandUnavailable, SettingsInvalid


class ExitCode(IntEnum):
    """What a command's exit status means; the same for all commands."""

    OK = 0
    FOUND_WRONG = 1
    USAGE = 2
    ENVIRONMENT = 3
    REFUSED = 4
    DEFECT = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "did what was asked, and what it looked at is as it should be",
    ExitCode.FOUND_WRONG: "ran, and found something wrong (drift of topics, a demo that did not end as it should)",
    ExitCode.USAGE: "the command line or the settings cannot be used",
    ExitCode.ENVIRONMENT: "something around it is missing (no broker, unfit topics, a module or file not there)",
    ExitCode.REFUSED: "a document, record or signature is forged, invalid or not allowed",
    ExitCode.DEFECT: "a defect of Homeostat: run again with --debug and report it",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}

_BY_ERROR: tuple[tuple[type[HomeostatError], ExitCode], ...] = (
    (SettingsInvalid, ExitCode.USAGE),
    (CommandUnavailable, ExitCode.ENVIRONMENT),
    (BrokerUnavailable, ExitCode.ENVIRONMENT),
    (TopicsUnfit, ExitCode.ENVIRONMENT),
    (RetryableError, ExitCode.ENVIRONMENT),
    (PoisonRecord, ExitCode.REFUSED),
    (SignatureRefused, ExitCode.REFUSED),
    (DocumentInvalid, ExitCode.REFUSED),
    (StateCorrupt, ExitCode.FOUND_WRONG),
    (BuildRefusesMost, ExitCode.FOUND_WRONG),
)


def exit_code_of(error: HomeostatError) -> ExitCode:
    """Give the exit code of an error; an unlisted kind counts as 'found something wrong'."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FOUND_WRONG)
