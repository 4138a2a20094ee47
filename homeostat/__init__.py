"""Homeostat watches clinical AI runtimes and takes a harmful release back, by signed command.

The names of the public API are imported when they are first used, so that `import homeostat.schemas` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeostat.schemas.errors import HomeostatError
    from homeostat.streams.client.gateway import Gateway
    from homeostat.streams.client.publisher import Publisher

__all__ = ["Gateway", "HomeostatError", "Publisher"]

_PUBLIC = {
    "Gateway": "homeostat.streams.client.gateway",
    "HomeostatError": "homeostat.schemas.errors",
    "Publisher": "homeostat.streams.client.publisher",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use. Raises `AttributeError` for any other."""
    if name == "__version__":
        return import_module("importlib.metadata").version("homeostat")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'homeostat' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*_PUBLIC, "__version__"])
