"""The shell's branch of the exception tree (`homeostat.schemas.errors` draws the trunk).

HomeostatError
 ├── SettingsInvalid      settings that cannot be used
 ├── ArchiveUnavailable   an archive's folder or object store does not take or give files now (a RetryableError)
 ├── AuditBroken          an audit that does not verify: nothing is appended to it
 └── CommandUnavailable   a command whose module, or something that it needs, is not installed
"""

from homeostat.schemas.errors import HomeostatError, RetryableError


class SettingsInvalid(HomeostatError):
    """Settings that cannot be used; the text names each."""


class CommandUnavailable(HomeostatError):
    """A command whose module, or something that the module needs, is not installed."""


class AuditBroken(HomeostatError):
    """The audit that is there does not verify, so nothing is appended to it."""


class ArchiveUnavailable(RetryableError):
    """The folder or object store of an archive cannot be read or written now."""
