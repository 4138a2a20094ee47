"""The exception tree.

HomeostatError
 ├── PoisonRecord           a record that will never be good: dead-lettered under `reason`, the stream goes on
 ├── RetryableError         may succeed later: the caller drops its state and tries again
 ├── StateCorrupt           state bytes that must not be used: the partition is not served
 ├── LogCorrupt             bytes of a log that are no records although their checksum holds
 ├── SignatureRefused       a signed message that must not be believed, under `reason`
 ├── DocumentInvalid        an operator's document that cannot be applied
 ├── TopicsUnfit            broker and topics table differ in a way that loses data
 ├── BrokerUnavailable      no broker, or it could not be started
 └── BuildRefusesMost       this build refuses most tenants' records: stop, loudly
"""

from homeostat.schemas.reasons import Refusal


class HomeostatError(Exception):
    """Base of every error that Homeostat raises on purpose; its text says what to do."""


class PoisonRecord(HomeostatError):
    """A record that no retry will make good."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class RetryableError(HomeostatError):
    """A failure that may pass."""


class StateCorrupt(HomeostatError):
    """State bytes with a wrong version, length or checksum."""


class LogCorrupt(HomeostatError):
    """A record batch whose records are not what its header says, or of a format that cannot carry traces."""


class SignatureRefused(HomeostatError):
    """A signed message whose signature, key, role or binding does not hold."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class DocumentInvalid(HomeostatError):
    """A policy, release or rollout document that cannot be applied."""


class TopicsUnfit(HomeostatError):
    """Topics that are missing or whose settings would lose data."""


class BrokerUnavailable(HomeostatError):
    """No broker answers, or the local one did not start."""


class BuildRefusesMost(HomeostatError):
    """More than half of the tenants seen lately have most of their records refused by this build."""
