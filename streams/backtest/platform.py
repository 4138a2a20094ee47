"""The platform of a backtest: keys of its own, the documents, and the topology that runs."""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from homeostat.detectors.backtest import Topology
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.canonical import digest_bytes, to_json
from homeostat.schemas.control import KeyActivation, KeyActivationDocument, PolicyDocument, RolloutDocument
from homeostat.schemas.defaults import default_policy
from homeostat.schemas.errors import DocumentInvalid
from homeostat.schemas.headers import DSSE_CONTENT, event_headers
from homeostat.schemas.log import Output
from homeostat.schemas.policy import OnUnknown, Policy
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout
from homeostat.schemas.topics import COMMANDS, CONTROLS, DEAD_LETTERS, DECISIONS, DRIFT_EVENTS, POLICIES
from homeostat.streams.app import build_finisher, stage_factories
from homeostat.streams.dead_letters.sealing import Sealer
from homeostat.streams.documents.read import DocumentReader, ToPublish
from homeostat.streams.key_set import FIRST_MASTER, KeySet

REPORTED = (COMMANDS, DEAD_LETTERS, DECISIONS, DRIFT_EVENTS)
_SEED = b"homeostat backtest"


@dataclass(frozen=True, slots=True)
class BacktestTrust(TrustStore):
    """A trust store in which the backtest's own keys stay active whatever a log activates."""

    own: frozenset[str] = frozenset()

    def activate(self, key_ids: Collection[str]) -> "BacktestTrust":
        """Keep the listed keys and the backtest's own; an empty list leaves every key."""
        kept = TrustStore.activate(self, {*key_ids, *self.own} if key_ids else ())
        return BacktestTrust(kept.keys, self.own)


class Documents:
    """What an operator would have applied: of a folder or file of YAML, or the default policy.

    `more` are releases and rollouts of another place, such as a log, for those that the path does not bring.
    """

    def __init__(self, path: Path | None, at_ms: int, more: Sequence[ToPublish] = ()) -> None:
        """Raises `DocumentInvalid` for documents that cannot be used together."""
        found = [] if path is None else DocumentReader(at_ms).read_files(_find_files(path))
        held = {(each.topic, each.key) for each in found}
        found += [each for each in more if each.topic != POLICIES and (each.topic, each.key) not in held]
        self.to_publish = [each for each in found if not isinstance(each.message, KeyActivationDocument)]
        policies = [each.message for each in found if isinstance(each.message, PolicyDocument)]
        if len(policies) > 1:
            raise DocumentInvalid(f"{path} holds {len(policies)} policies: a backtest takes one")
        if not policies:
            policies = [_default_document(at_ms)]
            self.to_publish.insert(0, ToPublish(POLICIES, policies[0].subject, policies[0]))
        activation = KeyActivationDocument(
            subject="keys", subject_version=1, at_ms=at_ms, body=KeyActivation(mac_masters=(FIRST_MASTER,))
        )
        self.to_publish.append(ToPublish(CONTROLS, activation.subject, activation))
        self.policy: Policy = policies[0].body
        self.rollouts: Sequence[Rollout] = [
            each.message.body for each in self.to_publish if isinstance(each.message, RolloutDocument)
        ]

    def among(self, rollouts: Collection[str]) -> "Documents":
        """The same with these rollouts only."""
        kept = copy(self)
        kept.to_publish = [
            each
            for each in self.to_publish
            if not isinstance(each.message, RolloutDocument) or each.message.body.rollout in rollouts
        ]
        kept.rollouts = [rollout for rollout in self.rollouts if rollout.rollout in rollouts]
        return kept

    def before_traces(self) -> list[ToPublish]:
        """All but the rollouts."""
        return [each for each in self.to_publish if not isinstance(each.message, RolloutDocument)]

    def rollout_documents(self) -> dict[str, ToPublish]:
        """The rollouts by their id."""
        return {
            each.message.body.rollout: each for each in self.to_publish if isinstance(each.message, RolloutDocument)
        }

    def gateways(self) -> tuple[str, ...]:
        """The gateways that rollouts name."""
        return tuple(sorted({entry.target.gateway for rollout in self.rollouts for entry in rollout.targets}))


@dataclass(frozen=True)
class Platform:
    """A topology with its own keys; `trust` is what its stages believe: these, and those of a log's installation."""

    topology: Topology
    keys: KeySet
    trust: TrustStore

    def publish(self, documents: Sequence[ToPublish], at_ms: int) -> None:
        """Sign documents as an operator and send them."""
        signer = self.keys.signers([SignerRole.OPERATOR])[SignerRole.OPERATOR]
        for document in documents:
            ce_type = document.message.ce_type
            envelope = signer.sign(to_json(document.message), ce_type)
            headers = event_headers(ce_type, digest_bytes(envelope)[7:39], "/homeostat/operator", DSSE_CONTENT)
            self.topology.send(Output(document.topic, document.key.encode(), envelope, at_ms, headers))


def build_platform(
    partitions: int,
    gateways: Sequence[str] = (),
    trust: TrustStore | None = None,
    masters: Mapping[str, bytes] | None = None,
    controlled: Collection[str] | None = None,
    retained: Collection[str] | None = REPORTED,
    passing: Collection[str] = (),
) -> Platform:
    """Build a platform. `trust` and `masters` are those of the installation that a dump comes from, if it is one."""
    keys = KeySet.from_seed(_SEED, gateways=gateways or ("gateway-1",))
    own = keys.trust()
    believed = MappingProxyType({**({} if trust is None else trust.keys), **own.keys})
    trusted = BacktestTrust(believed, frozenset(own.keys))
    factories = stage_factories(trusted, {**keys.masters, **(masters or {})})
    roles = (SignerRole.CONTROL, SignerRole.GUARD, SignerRole.SEQUENCER)
    finish = build_finisher(keys.signers(roles), Sealer(keys.seal_secret))
    return Platform(Topology(partitions, factories, finish, retained, controlled, passing), keys, trusted)


def _find_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if not found:
        raise DocumentInvalid(f"{path} holds no .yaml file: give the folder or file of the documents")
    return found


def _default_document(at_ms: int) -> PolicyDocument:
    counting = {"unknown_release": OnUnknown.COUNT, "unknown_signal": OnUnknown.COUNT}
    body = default_policy().model_copy(update=counting)
    return PolicyDocument(subject=body.name, subject_version=1, at_ms=at_ms, body=body)
