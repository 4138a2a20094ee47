"""The library that a deployment gateway embeds; `GatewayCore` are the rules alone, for whoever writes their own."""

from homeostat.streams.client.gateway.core import GatewayCore, Serving
from homeostat.streams.client.gateway.gateway import Gateway
from homeostat.streams.client.gateway.lease_clock import LeaseClock, Moment
from homeostat.streams.client.gateway.statements import Statements
from homeostat.streams.client.gateway.store import GatewayStore, SqliteStore

__all__ = ["Gateway", "GatewayCore", "GatewayStore", "LeaseClock", "Moment", "Serving", "SqliteStore", "Statements"]
