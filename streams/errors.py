"""The shell's branch of the exception tree (`homeostat.schemas.errors` draws the trunk).

HomeostatError
 ├── SettingsInvalid      settings that cannot be used
 └── CommandUnavailable   a command whose module, or something that it needs, is not installed
"""

from homeostat.schemas.errors import HomeostatError


class SettingsInvalid(HomeostatError):
    """Settings that cannot be used; the text names each."""


class CommandUnavailable(HomeostatError):
    """A command whose module, or something that the module needs, is not installed."""
