"""Which arm a session belongs to: a keyed hash, so that every gateway and every replay agrees."""

import hashlib

_SCALE = 2**64


def assign_candidate(rollout: str, session: str, share: float) -> bool:
    """True for the candidate: BLAKE2b of the session keyed with the rollout, as a fraction of 2⁶⁴, below `share`.

    Sticky: the same session gets the same arm for as long as the share does not fall below its fraction.
    """
    digest = hashlib.blake2b(session.encode(), key=rollout.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * _SCALE
