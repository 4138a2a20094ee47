"""States and leases that no gateway may obey: every kind, varied by number, each with the reason it is owed."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from homeostat.schemas.canonical import derive_id, to_json
from homeostat.schemas.command import Barred, DesiredState, Exposure, Variant
from homeostat.schemas.dsse import build_envelope, encode_signing_bytes, payload_type
from homeostat.schemas.lease import Lease
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import RolloutPhase, Target
from homeostat.schemas.topics import COMMANDS, LEASES
from homeostat.streams.signing import Signer
from tests.builders.documents import BASELINE, BASELINE_DIGEST, CANDIDATE, CANDIDATE_DIGEST, ROLLOUT_ID, START_MS
from tests.builders.keys import GATEWAY, sign, signer

TARGET = Target(gateway=GATEWAY, tenant="tenant-1", workflow="scribe")
LIVE, LAPSED = derive_id("live"), derive_id("lapsed")
TTL_MS = 15_000
HELD_GENERATION, HELD_QUARANTINE, HELD_RENEWAL = 50, 20, 500
QUARANTINED = "sha256:" + "66" * 32
LEASE_SKEW_MS = 2_000


class Attempt(NamedTuple):
    """One record that somebody hostile, or something old, puts on a topic, and the outcome that is counted for it."""

    kind: str
    topic: str
    key: bytes
    value: bytes
    reason: str


def exposure(lease: str, specialty: str, candidate: str = CANDIDATE_DIGEST) -> Exposure:
    return Exposure(
        specialties=(specialty,),
        rollout=ROLLOUT_ID,
        step=1,
        candidate=candidate,
        manifest=CANDIDATE,
        share=0.5,
        lease=lease,
    )


def held_state() -> DesiredState:
    """What the gateway has: one exposure whose lease lives, one whose lease has lapsed."""
    return state(
        HELD_GENERATION,
        exposures=(exposure(LIVE, "cardiology"), exposure(LAPSED, "oncology")),
        quarantine=(QUARANTINED,),
    )


def state(generation: int, version: int = HELD_QUARANTINE, **fields: object) -> DesiredState:
    given = {
        "target": TARGET,
        "generation": generation,
        "baseline": BASELINE_DIGEST,
        "manifest": BASELINE,
        "quarantine_version": version,
        "intent": derive_id("intent", generation),
        "reason": "test",
        "at_ms": START_MS,
        **fields,
    }
    return DesiredState.model_validate(given)


def lease(lease_id: str, renewal: int, evaluated_ms: int = START_MS, phase: str = "exposing") -> Lease:
    return Lease(
        lease=lease_id,
        rollout=ROLLOUT_ID,
        step=1,
        renewal=renewal,
        phase=RolloutPhase(phase),
        evaluated_at_ms=evaluated_ms,
        expires_ms=evaluated_ms + TTL_MS,
        ttl_ms=TTL_MS,
        skew_ms=LEASE_SKEW_MS,
    )


def seal(message: DesiredState | Lease, role: SignerRole) -> bytes:
    return sign(role, to_json(message), message.ce_type)


def all_attempts(count: int, seed: int = 1) -> Iterator[Attempt]:
    """`count` attempts, the kinds in turn."""
    rng = random.Random(seed)
    for number in range(count):
        kind, make = _KINDS[number % len(_KINDS)]
        topic, key, value, reason = make(rng, number)
        yield Attempt(kind, topic, key, value, reason)


_Made = tuple[str, bytes, bytes, str]


def _state(value: DesiredState | bytes, reason: str, key: str = TARGET.key) -> _Made:
    return COMMANDS, key.encode(), value if isinstance(value, bytes) else seal(value, SignerRole.SEQUENCER), reason


def _lease(value: Lease | bytes, reason: str) -> _Made:
    sealed = value if isinstance(value, bytes) else seal(value, SignerRole.GUARD)
    return LEASES, ROLLOUT_ID.encode(), sealed, reason


def _newer(rng: random.Random, **fields: object) -> DesiredState:
    return state(HELD_GENERATION + rng.randint(1, 10**6), **fields)  # type: ignore[arg-type] # fields of a state


def _foreign(rng: random.Random, message: DesiredState | Lease, role: SignerRole) -> bytes:
    return Signer.from_seed(role, rng.randbytes(32)).sign(to_json(message), message.ce_type)


def _borrowed_id(rng: random.Random, message: DesiredState | Lease, role: SignerRole) -> bytes:
    kind, payload = payload_type(message.ce_type), to_json(message)
    forged = Signer.from_seed(role, rng.randbytes(32)).sign_bytes(encode_signing_bytes(kind, payload))
    return build_envelope(kind, payload, [(signer(role).key_id, forged)])


def _altered(message: DesiredState | Lease, other: DesiredState | Lease, role: SignerRole) -> bytes:
    """A true signature over another payload than the one that is sent."""
    envelope = json.loads(seal(message, role))
    envelope["payload"] = base64.b64encode(to_json(other)).decode()
    return json.dumps(envelope).encode()


def _other_type(message: DesiredState, role: SignerRole) -> bytes:
    return sign(role, to_json(message), "homeostat.intent")


def _wrong_role(rng: random.Random, right: SignerRole) -> SignerRole:
    return rng.choice([role for role in SignerRole if role not in {right, SignerRole.ROOT}])


def _wrong_target(rng: random.Random, number: int) -> _Made:
    other = Target(gateway=GATEWAY, tenant=f"tenant-{rng.randint(2, 10**6)}", workflow="scribe")
    return _state(_newer(rng, target=other), "wrong_target")


def _wrong_gateway(rng: random.Random, number: int) -> _Made:
    other = Target(gateway=f"gateway-{rng.randint(2, 10**6)}", tenant="tenant-1", workflow="scribe")
    return _state(_newer(rng, target=other), "wrong_target")


def _barred(rng: random.Random, number: int) -> _Made:
    bar = Barred(release=CANDIDATE_DIGEST, specialties=("oncology",))
    choices: list[dict[str, object]] = [
        {"exposures": (exposure(LIVE, "oncology"),)},
        {"variants": (Variant(specialties=("oncology",), release=CANDIDATE_DIGEST, manifest=CANDIDATE),)},
        {"baseline": CANDIDATE_DIGEST, "manifest": CANDIDATE},
    ]
    served = rng.choice(choices)
    return _state(_newer(rng, barred=(bar,), **served), "quarantined_release")


def _quarantined(rng: random.Random, number: int) -> _Made:
    choices: list[dict[str, object]] = [
        {"exposures": (exposure(LIVE, "cardiology", QUARANTINED),)},
        {"variants": (Variant(specialties=("oncology",), release=QUARANTINED, manifest=CANDIDATE),)},
        {"baseline": QUARANTINED},
    ]
    served = rng.choice(choices)
    return _state(_newer(rng, quarantine=(QUARANTINED,), **served), "quarantined_release")


_S, _G = SignerRole.SEQUENCER, SignerRole.GUARD
_KINDS: list[tuple[str, Callable[[random.Random, int], _Made]]] = [
    ("state by an unknown key", lambda r, n: _state(_foreign(r, _newer(r), _S), "key_unknown")),
    ("state forged under a known id", lambda r, n: _state(_borrowed_id(r, _newer(r), _S), "signature_bad")),
    ("state altered after signing", lambda r, n: _state(_altered(held_state(), _newer(r), _S), "signature_bad")),
    ("state signed as another type", lambda r, n: _state(_other_type(_newer(r), _S), "signature_bad")),
    ("state of another role", lambda r, n: _state(seal(_newer(r), _wrong_role(r, _S)), "key_wrong_role")),
    ("no envelope", lambda r, n: _state(r.randbytes(r.randint(1, 400)), "signature_missing")),
    ("older generation", lambda r, n: _state(state(r.randint(1, HELD_GENERATION - 1)), "old_generation")),
    ("another state of the same generation", lambda r, n: _state(state(HELD_GENERATION, at_ms=n), "old_generation")),
    (
        "replayed under another target's key",
        lambda r, n: _state(held_state(), "wrong_target", f"{GATEWAY}/t-{n}/scribe"),
    ),
    ("another target's state under ours", _wrong_target),
    ("another gateway's state under ours", _wrong_gateway),
    ("older quarantine", lambda r, n: _state(_newer(r, version=r.randrange(HELD_QUARANTINE)), "old_quarantine")),
    ("serves what it quarantines", _quarantined),
    ("serves what it bars", _barred),
    ("lease by an unknown key", lambda r, n: _lease(_foreign(r, lease(LAPSED, 10**6 + n), _G), "key_unknown")),
    ("lease forged", lambda r, n: _lease(_borrowed_id(r, lease(LAPSED, 10**6 + n), _G), "signature_bad")),
    (
        "lease altered",
        lambda r, n: _lease(_altered(lease(LIVE, 1), lease(LAPSED, 10**6 + n), _G), "signature_bad"),
    ),
    (
        "lease of another role",
        lambda r, n: _lease(seal(lease(LAPSED, 10**6 + n), _wrong_role(r, _G)), "key_wrong_role"),
    ),
    ("lease replayed", lambda r, n: _lease(lease(LAPSED, r.randint(0, HELD_RENEWAL)), "old")),
    (
        "lease that came too late",
        lambda r, n: _lease(lease(LAPSED, HELD_RENEWAL + 1 + n, START_MS - TTL_MS - r.randint(0, 10**6)), "expired"),
    ),
    (
        "lease of an hour that has not come",
        lambda r, n: _lease(lease(LAPSED, HELD_RENEWAL + 1 + n, START_MS + r.randint(2_001, 10**7)), "clock_off"),
    ),
    (
        "lease of a rollout that has ended",
        lambda r, n: _lease(lease(LAPSED, HELD_RENEWAL + 1 + n, phase="rolled_back"), "ended"),
    ),
]
