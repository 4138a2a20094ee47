"""Kills a broker whose owner died: run as a script with the broker's process id, its input a pipe from the owner.

However the owner ends, `kill -9` included, the system closes the pipe. Standard library only, and imported by nobody,
so that it starts in a few milliseconds.
"""

import os
import signal
import sys


def hold(pid: int) -> None:
    """Waits until standard input ends, then kills the process if it still is the one that it was at the start."""
    if not hasattr(os, "pidfd_open"):
        sys.stdin.buffer.read()
        os.kill(pid, signal.SIGKILL)
        return
    descriptor = os.pidfd_open(pid)
    sys.stdin.buffer.read()
    signal.pidfd_send_signal(descriptor, signal.SIGKILL)


if __name__ == "__main__":
    try:
        hold(int(sys.argv[1]))
    except ProcessLookupError:
        sys.exit(0)
