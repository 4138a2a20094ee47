"""Who may sign: the closed list of principals' roles."""

from enum import StrEnum


class SignerRole(StrEnum):
    """What a key was made for; `Output.signer` and the trust store use these words."""

    ROOT = "root"
    OPERATOR = "operator"
    CONTROL = "control"
    GUARD = "guard"
    SEQUENCER = "sequencer"
    GATEWAY = "gateway"
    REVIEWER = "reviewer"
    TRIAGE = "triage"
    AUDIT = "audit"


NAMED = frozenset({SignerRole.GATEWAY, SignerRole.REVIEWER})
"""Roles held by many principals at once: their keys carry a name, and a message must be of that name."""
