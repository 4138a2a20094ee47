"""That one entry is in the audit: a proof of a few hashes, checked with the trust folder alone."""

import base64
import json
from pathlib import Path
from typing import Any, Final

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.audit import AuditEntry
from homeostat.schemas.base import Digest, Offset, Part, Partition
from homeostat.schemas.errors import DocumentInvalid, SignatureRefused
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.reasons import Refusal
from homeostat.streams.audit.log import AuditLog
from homeostat.streams.audit.merkle import hash_leaf, prove_inclusion, root_from_inclusion
from homeostat.streams.audit.trees import from_digest, to_digest
from homeostat.streams.audit.verify import verify_checkpoint

FORMAT: Final = "homeostat-audit-proof-1"


class Proof(Part):
    """An entry's bytes (base64), where it is in its tree, its audit path, and the signed checkpoint it leads to."""

    proof: str = FORMAT
    entry: str
    partition: Partition
    index: Offset
    path: tuple[Digest, ...]
    checkpoint: dict[str, Any]


def prove_entry(log: AuditLog, partition: int, index: int) -> Proof:
    """Prove an entry against the newest checkpoint of a log that was verified. Raises IndexError."""
    entries = log.of(partition)
    hashes = [hash_leaf(stored.value) for stored in entries]
    return Proof(
        entry=base64.b64encode(entries[index].value).decode(),
        partition=partition,
        index=index,
        path=tuple(map(to_digest, prove_inclusion(hashes, index))),
        checkpoint=json.loads(log.checkpoints[-1].value),
    )


def read_proof(path: Path) -> Proof:
    """Read a proof. Raises `DocumentInvalid`."""
    try:
        return Proof.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise DocumentInvalid(f"{path} is no proof that `homeostat audit prove` wrote") from None


def check_proof(proof: Proof, trust: TrustStore) -> tuple[AuditEntry, int]:
    """The proven entry, and the number of the checkpoint that has it.

    Raises `SignatureRefused` where the path does not lead to what was signed, `PoisonRecord` for what is no entry.
    """
    signed = verify_checkpoint(json.dumps(proof.checkpoint).encode(), trust).checkpoint
    heads = [head for head in signed.trees if head.partition == proof.partition]
    value = base64.b64decode(proof.entry)
    path = [from_digest(each) for each in proof.path]
    found = root_from_inclusion(hash_leaf(value), proof.index, heads[0].size, path) if heads else None
    if found is None or to_digest(found) != heads[0].root:
        raise SignatureRefused(Refusal.SIGNATURE_BAD, "the entry is not in the tree that the checkpoint signs")
    return parse_message(AuditEntry, value)[0], signed.number
