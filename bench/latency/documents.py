"""What is told before and while traces come: policy, releases, targets; and one signed rollout after the other."""

import itertools
from typing import Any, NamedTuple

from bench.latency.plan import SHARE, Trial
from bench.latency.sizes import Size
from bench.throughput.policy import FIRST_SESSIONS, bench_signals
from bench.throughput.sizes import SPECIALTIES, WORKFLOW, name_tenant
from homeostat.schemas.canonical import digest_bytes, digest_document, to_json
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.policy import BaselineRule, DeadLetterKey, Policy
from homeostat.schemas.release import Artifact, ArtifactKind, ReleaseManifest
from homeostat.schemas.signal import Carrier, Direction, Family, Kind, Role, SignalSpec
from homeostat.streams.documents.read import DocumentReader, ToPublish
from homeostat.streams.signing import Signer

GATEWAY = "gateway-1"
NEVER_SIGNAL = "invented_allergy"
CONTROL = "control"


class Envelope(NamedTuple):
    """A signed document on its way, `due_s` after the first trace."""

    due_s: float
    topic: str
    key: str
    value: bytes
    headers: list[tuple[str, bytes]]


def latency_policy(size: Size, dead_letters: DeadLetterKey) -> Policy:
    """The throughput benchmark's twelve signals, and one that must never occur."""
    never = SignalSpec(
        name=NEVER_SIGNAL,
        family=Family.SAFETY,
        kind=Kind.BINARY,
        direction=Direction.UP,
        role=Role.NEVER,
        tolerance=0.05,
        carrier=Carrier.WORK,
    )
    return Policy(
        name="bench",
        signals=(*bench_signals(), never),
        times=size.times,
        baseline=BaselineRule(first_sessions=FIRST_SESSIONS),
        partitions=size.partitions,
        dead_letters=dead_letters,
    )


def name_candidate(number: int) -> str:
    return f"candidate-{number}"


def build_manifest(name: str) -> ReleaseManifest:
    """A release that is one model."""
    model = Artifact(kind=ArtifactKind.MODEL, name=name, artifact_version="1", digest=digest_bytes(name.encode()))
    return ReleaseManifest(title=name, artifacts=(model,))


def digest_of(name: str) -> str:
    return digest_document(build_manifest(name))


def read_setup(size: Size, trials: list[Trial], policy: Policy, master: str, now_ms: int) -> list[ToPublish]:
    """Keys, policy, the control release, a candidate a round, and every tenant's baseline."""
    targets = [_target(name_tenant(number)) for number in range(size.tenants)]
    entries: list[dict[str, Any]] = [
        {"kind": "keys", "body": {"mac_masters": [master]}},
        {"kind": "policy", "body": policy.model_dump(mode="json")},
        *_release_entries(trials),
        {"kind": "targets", "body": {"release": f"@{CONTROL}", "targets": targets}},
    ]
    reader = DocumentReader(now_ms)
    return [document for entry in entries for document in reader.read_entry(entry)]


def sign_rollouts(trials: list[Trial], signer: Signer, now_ms: int) -> list[Envelope]:
    """Every rollout in its operator's envelope, made before the first trace is sent."""
    reader = DocumentReader(now_ms)
    for entry in _release_entries(trials):
        reader.read_entry(entry)
    return list(itertools.chain.from_iterable(_sign_rollout(trial, reader, signer) for trial in trials))


def _sign_rollout(trial: Trial, reader: DocumentReader, signer: Signer) -> list[Envelope]:
    body = {
        "rollout": trial.rollout,
        "title": f"trial {trial.number}",
        "candidate": f"@{name_candidate(trial.round)}",
        "control": f"@{CONTROL}",
        "targets": [{"target": _target(trial.tenant), "specialties": [SPECIALTIES[trial.specialty]]}],
        "share": SHARE,
    }
    found = reader.read_entry({"kind": "rollout", "name": f"trial-{trial.number}", "body": body})
    return [_seal(document, signer, trial.apply_s) for document in found]


def _seal(document: ToPublish, signer: Signer, due_s: float) -> Envelope:
    ce_type = document.message.ce_type
    value = signer.sign(to_json(document.message), ce_type)
    headers = event_headers(ce_type, digest_bytes(value)[7:39], f"/homeostat/{signer.role}", DSSE_CONTENT)
    return Envelope(due_s, document.topic, document.key, value, headers)


def _release_entries(trials: list[Trial]) -> list[dict[str, Any]]:
    rounds = sorted({trial.round for trial in trials})
    return [
        {"kind": "release", "name": name, "version": 1, "body": build_manifest(name).model_dump(mode="json")}
        for name in (CONTROL, *map(name_candidate, rounds))
    ]


def _target(tenant: str) -> dict[str, str]:
    return {"gateway": GATEWAY, "tenant": tenant, "workflow": WORKFLOW}
