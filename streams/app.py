"""The composition root: a role's stages, with the keys that its process holds."""

from collections.abc import Callable
from functools import partial

from homeostat.detectors.guard.stage import GuardStage
from homeostat.detectors.leaf.stage import LeafStage
from homeostat.detectors.parents.stage import ParentsStage
from homeostat.detectors.sequencer.stage import SequencerStage
from homeostat.detectors.stage import Stage
from homeostat.detectors.triage.stage import TriageStage
from homeostat.detectors.trust import TrustStore
from homeostat.schemas.log import Output
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.topics import ROLE_STAGES, STAGE_INPUTS, state_topic
from homeostat.streams.dead_letters.sealing import Sealer
from homeostat.streams.errors import SettingsInvalid
from homeostat.streams.keys import load_masters, load_seal_secret, load_signers, load_trust
from homeostat.streams.settings import Settings
from homeostat.streams.signing import Signers
from homeostat.streams.transport import StageSpec, Wiring

ROLE_SIGNERS = {"observe": (), "release": (SignerRole.GUARD, SignerRole.SEQUENCER), "control": (SignerRole.CONTROL,)}
"""Which private keys a role's process needs."""


def build_stages(role: str, settings: Settings) -> tuple[list[StageSpec], Wiring]:
    """The stages of `observe` or `release`, and how their outputs leave. Raises `SettingsInvalid` for a missing key."""
    trust = load_trust(settings.keys.trust_folder)
    factories = stage_factories(trust, _load_masters(role, settings))
    specs = [StageSpec(name, STAGE_INPUTS[name], state_topic(name), factories[name]) for name in ROLE_STAGES[role]]
    return specs, Wiring(finish=build_finisher(load_role_signers(role, settings), load_sealer(role, settings)))


def stage_factories(trust: TrustStore, masters: dict[str, bytes]) -> dict[str, Callable[[int, int], Stage]]:
    """Every stage's factory: (partition, partition count) to an empty stage."""
    return {
        "leaf": partial(_build_leaf, trust, masters),
        "parents": lambda part, count: ParentsStage(part, count, count, trust),
        "guard": lambda part, count: GuardStage(part, count, count, trust),
        "triage": lambda part, count: TriageStage(part, count, trust),
        "sequencer": lambda part, count: SequencerStage(part, count, trust),
    }


def build_finisher(signers: Signers, sealer: Sealer) -> Callable[[Output], Output]:
    """What turns an output of the core into what leaves: sealed if it is a dead letter, signed if it names a role."""

    def finish(output: Output) -> Output:
        return signers.sign_output(sealer.seal_output(output))

    return finish


def load_role_signers(role: str, settings: Settings) -> Signers:
    """The signers that a role's process needs. Raises `SettingsInvalid` where a key is missing."""
    roles = ROLE_SIGNERS[role]
    if not roles:
        return Signers()
    if settings.keys.private_key_path is None:
        raise SettingsInvalid(f"role {role} signs what it says: set keys.private_key_path")
    return load_signers(settings.keys.private_key_path, roles)


def _build_leaf(trust: TrustStore, masters: dict[str, bytes], partition: int, partition_count: int) -> Stage:
    return LeafStage(partition, partition_count, trust, masters)


def _load_masters(role: str, settings: Settings) -> dict[str, bytes]:
    if role != "observe":
        return {}
    if settings.keys.mac_masters_folder is None:
        raise SettingsInvalid("role observe authenticates traces: set keys.mac_masters_folder")
    return load_masters(settings.keys.mac_masters_folder)


def load_sealer(role: str, settings: Settings) -> Sealer:
    """What seals a role's dead letters; without the leaves' secret letters leave without their bytes, and say so."""
    folder = settings.keys.mac_masters_folder
    return Sealer(None if folder is None or role != "observe" else load_seal_secret(folder))
