"""Named points where a trial may end, stop or fail the process. Not armed, a point costs one comparison."""

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from homeostat.schemas.errors import HomeostatError, RetryableError

ALL_FAILPOINTS: Final = (
    "apply.before",
    "apply.after",
    "outputs.sent_some",
    "outputs.after_before_txn",
    "txn.begun",
    "txn.after_k_sends",
    "txn.all_sent_before_commit",
    "txn.commit_issued",
    "txn.after_commit_before_source_commit",
    "source.committed",
    "claim.before_restore",
    "restore.during",
    "restore.after",
    "revoke.before_final_checkpoint",
    "stop.final_checkpoint",
)
"""Every point of the transport, in the order in which a partition's life passes them."""

GATEWAY_FAILPOINTS: Final = ("gateway.before_apply", "gateway.applied_before_ack", "gateway.acks_sent_before_forget")
"""Every point of a gateway, in the order in which a desired state passes them."""

ARCHIVE_FAILPOINTS: Final = (
    "archive.before_position",
    "archive.before_write",
    "archive.half_written",
    "archive.before_rename",
    "archive.after_rename",
    "archive.merged_before_delete",
    "archive.deleted_some",
)
"""Every point of the archiver, in the order in which a file's life passes them; the last two are of `compact`."""

AUDIT_FAILPOINTS: Final = (
    "audit.before_position",
    "audit.before_begin",
    "audit.sent_some",
    "audit.before_commit",
    "audit.committed",
)
"""Every point of the audit, in the order in which an append passes them."""

_KNOWN: Final = (*ALL_FAILPOINTS, *GATEWAY_FAILPOINTS, *ARCHIVE_FAILPOINTS, *AUDIT_FAILPOINTS)

EXIT_STATUS: Final = 86
"""What the process ends with when a point's action is `exit`."""


class Action(StrEnum):
    """What happens at an armed point: SIGKILL to self, SIGSTOP to self, an exception, or an exit without clean-up."""

    KILL = "kill"
    STOP = "stop"
    RAISE = "raise"
    EXIT = "exit"


class FailpointReached(RetryableError):
    """The exception of an armed point whose action is `raise`."""


class FailpointUnknown(HomeostatError):
    """A text that does not name a point and an action."""


@dataclass
class _Armed:
    name: str
    action: Action
    passes_left: int


_armed: _Armed | None = None


def arm(text: str, known: tuple[str, ...] = _KNOWN) -> None:
    """Arm one point from `name:action[:count]`; it acts at the count-th pass (1 by default), once. Empty: disarm.

    Raises `FailpointUnknown` when the name is not in `known`, or the action or the count is not one.
    """
    global _armed  # noqa: PLW0603 one process has at most one armed point
    if not text:
        _armed = None
        return
    name, _, rest = text.partition(":")
    action, _, count = rest.partition(":")
    if name not in known or action not in set(Action) or not (count or "1").isdecimal() or int(count or "1") < 1:
        raise FailpointUnknown(f"{text!r} is not name:action[:count]; actions kill, stop, raise, exit; names {known}")
    _armed = _Armed(name, Action(action), int(count or "1"))


def is_armed(name: str) -> bool:
    """Tell whether this point is armed: a caller may then make the moment exact (wait for a delivery, a request)."""
    return _armed is not None and _armed.name == name


def hit(name: str) -> None:
    """Pass a point: nothing unless it is armed and this is its time."""
    if _armed is not None and _armed.name == name:
        _act(_armed)


def _act(armed: _Armed) -> None:
    armed.passes_left -= 1
    if armed.passes_left > 0:
        return
    arm("")
    os.write(2, f'{{"event": "failpoint", "point": "{armed.name}", "action": "{armed.action}"}}\n'.encode())
    match armed.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            os.kill(os.getpid(), signal.SIGSTOP)
        case Action.EXIT:
            os._exit(EXIT_STATUS)
        case Action.RAISE:
            raise FailpointReached(f"failpoint {armed.name}")
