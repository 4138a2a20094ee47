"""A full set of keys of one installation: made once by `homeostat keys new`, or from a seed in tests and trials."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import to_json
from homeostat.schemas.key_document import KeyDocument
from homeostat.schemas.mac import derive_tenant_key
from homeostat.schemas.policy import DeadLetterKey
from homeostat.schemas.roles import NAMED, SignerRole
from homeostat.streams.keys import name_dead_letter_key
from homeostat.streams.signing import Signer, Signers

DrawSecret = Callable[[str], bytes]
"""32 secret bytes for a label; a label is asked for once."""
FIRST_MASTER = "m1"
_SINGLE = tuple(role for role in SignerRole if role not in NAMED and role is not SignerRole.ROOT)


class NamedSigner(NamedTuple):
    """A signer, and the gateway or reviewer that it speaks for."""

    signer: Signer
    name: str | None = None


@dataclass(frozen=True)
class KeySet:
    """Every secret of an installation at once; only the machine that makes them ever holds it."""

    root: Signer
    members: tuple[NamedSigner, ...]
    masters: dict[str, bytes]
    seal_secret: bytes
    dead_letters: X25519PrivateKey
    made_at_ms: int

    @classmethod
    def generate(
        cls, now_ms: int, gateways: Sequence[str] = ("gateway-1",), reviewers: Sequence[str] = ("reviewer-1",)
    ) -> Self:
        """New keys: one a role, one a named gateway and reviewer, one MAC master, one for dead letters."""
        return cls.draw(lambda _label: secrets.token_bytes(32), now_ms, gateways, reviewers)

    @classmethod
    def from_seed(
        cls, seed: bytes, gateways: Sequence[str] = ("gateway-1",), reviewers: Sequence[str] = ("reviewer-1",)
    ) -> Self:
        """The same keys for the same seed (at most 64 bytes); for tests and repeatable trials only."""

        def draw_secret(label: str) -> bytes:
            return hashlib.blake2b(label.encode(), key=seed, digest_size=32).digest()

        return cls.draw(draw_secret, 0, gateways, reviewers)

    @classmethod
    def draw(cls, draw_secret: DrawSecret, now_ms: int, gateways: Sequence[str], reviewers: Sequence[str]) -> Self:
        """Keys from a source of secrets."""
        names: list[tuple[SignerRole, str | None]] = [(role, None) for role in _SINGLE]
        names += [(SignerRole.GATEWAY, name) for name in gateways]
        names += [(SignerRole.REVIEWER, name) for name in reviewers]
        return cls(
            root=Signer.from_seed(SignerRole.ROOT, draw_secret("root")),
            members=tuple(NamedSigner(Signer.from_seed(r, draw_secret(f"{r}/{n or ''}")), n) for r, n in names),
            masters={FIRST_MASTER: draw_secret("master")},
            seal_secret=draw_secret("seal"),
            dead_letters=X25519PrivateKey.from_private_bytes(draw_secret("dead-letters")),
            made_at_ms=now_ms,
        )

    def documents(self) -> dict[str, bytes]:
        """{key id: its document in the root's envelope}."""
        return {m.signer.key_id: vouch(self.root, m.signer, m.name, self.made_at_ms) for m in self.members}

    def trust(self) -> TrustStore:
        """The trust store that a process would load from the trust folder."""
        return TrustStore.build(self.root.public_key, self.documents().values())

    def signers(self, roles: Collection[SignerRole] = tuple(SignerRole)) -> Signers:
        """Signers of the roles; of a named role, the first name's."""
        return Signers(member.signer for member in reversed(self.members) if member.signer.role in roles)

    def tenant_key(self, tenant: str, master_id: str = FIRST_MASTER) -> bytes:
        """The key that a tenant's publishers hold."""
        return derive_tenant_key(self.masters[master_id], tenant)

    def dead_letter_key(self) -> DeadLetterKey:
        """The public key for the policy."""
        return name_dead_letter_key(self.dead_letters.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def dead_letter_pem(self) -> bytes:
        """The private key that opens dead letters, as PKCS #8 PEM."""
        return self.dead_letters.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def vouch(root: Signer, signer: Signer, name: str | None, valid_from_ms: int) -> bytes:
    """A key document of a signer's public key, in the root's envelope."""
    document = KeyDocument(
        key_id=signer.key_id,
        role=signer.role,
        name=name,
        public_key=signer.public_key.hex(),
        valid_from_ms=valid_from_ms,
    )
    return root.sign(to_json(document), KeyDocument.ce_type)
