"""Free ports on loopback for a broker that will be stopped and started again."""

import random
import socket

from homeostat.infra.broker.properties import LOOPBACK
from homeostat.schemas.errors import BrokerUnavailable

LOWEST, HIGHEST = 20_000, 32_000
"""Below the range from which systems take the ports of outgoing connections: else, while the broker is down, a client
that tries to reconnect can be given the broker's own port and connect to itself."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_free_port(taken: frozenset[int] = frozenset()) -> int:
    """A free port that is not among `taken`; raises BrokerUnavailable when many tries find none."""
    draw = random.SystemRandom()
    for _ in range(200):
        port = draw.randrange(LOWEST, HIGHEST)
        if port not in taken and is_free(port):
            return port
    raise BrokerUnavailable(f"no free port on {LOOPBACK} between {LOWEST} and {HIGHEST}: close some servers, try again")


def is_answering(port: int) -> bool:
    """Whether a server accepts connections on this port of loopback."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((LOOPBACK, port)) == 0
