"""What a gateway says of itself, signed and ready for its topic."""

from homeostat.schemas.canonical import to_json
from homeostat.schemas.command import Acknowledgement, AckOutcome, DesiredState
from homeostat.schemas.exposure import ExposureReport
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.topics import ACKS, TRACES
from homeostat.streams.client.gateway.store import Outgoing
from homeostat.streams.signing import Signer


class Statements:
    """A gateway's answers and reports, signed with its key."""

    def __init__(self, gateway: str, signer: Signer) -> None:
        self._gateway, self._signer = gateway, signer

    def acknowledge(
        self, state: DesiredState, state_digest: str, at_ms: int, refused: Refusal | None = None
    ) -> Outgoing:
        """The answer to a state that was applied durably, or that was refused."""
        message = Acknowledgement(
            gateway=self._gateway,
            target=state.target,
            generation=state.generation,
            state_digest=state_digest,
            outcome=AckOutcome.APPLIED if refused is None else AckOutcome.REFUSED,
            reason=refused,
            at_ms=at_ms,
        )
        envelope = self._signer.sign(to_json(message), message.ce_type)
        return Outgoing(ACKS, state.target.key.encode(), message.ce_type, envelope)

    def report(self, report: ExposureReport) -> Outgoing:
        """A report of sessions that started."""
        envelope = self._signer.sign(to_json(report), report.ce_type)
        return Outgoing(TRACES, report.tenant.encode(), report.ce_type, envelope)
