"""The library that a deployment gateway embeds."""

from homeostat.streams.client.gateway.core import Serving
from homeostat.streams.client.gateway.gateway import Gateway
from homeostat.streams.client.gateway.store import GatewayStore, SqliteStore

__all__ = ["Gateway", "GatewayStore", "Serving", "SqliteStore"]
