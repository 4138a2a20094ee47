"""Who may ask for what: automation only for what an operator's rollout says, people for everything."""

from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import SHADOW_SHARE, Mode, Rollout

MAY_SIGN = frozenset({SignerRole.GUARD, SignerRole.TRIAGE, SignerRole.OPERATOR})
_ENDING = frozenset({IntentAction.END_EXPOSURE, IntentAction.ROLL_BACK})
_ACTIONS = {
    SignerRole.GUARD: _ENDING | {IntentAction.EXPOSE, IntentAction.PROMOTE},
    SignerRole.TRIAGE: _ENDING,
    SignerRole.OPERATOR: frozenset(IntentAction),
}
NEVER_WAITS = _ENDING
"""What is obeyed before the first snapshot and without any document: taking exposure away."""


def check_authority(intent: Intent, role: SignerRole, rollout: Rollout | None) -> None:
    """Refuse what the signer may not ask for. Raises `PoisonRecord`.

    `rollout` is the document that the intent names, or None while it is unknown: then only its shape can be checked.
    """
    if intent.action not in _ACTIONS.get(role, frozenset()):
        raise PoisonRecord(Refusal.KEY_WRONG_ROLE, f"{role} may not ask for {intent.action}")
    if role is SignerRole.OPERATOR:
        return
    if intent.lifts_quarantine is not None:
        raise PoisonRecord(Refusal.NOT_APPROVED, "only an operator lifts a quarantine")
    if intent.rollout is None or intent.candidate is None or (role is SignerRole.GUARD and intent.step < 1):
        raise PoisonRecord(Refusal.SCHEMA, "an automated intent names its rollout, step and candidate")
    if rollout is not None:
        _check_plan(intent, rollout)


def _check_plan(intent: Intent, rollout: Rollout) -> None:
    planned = {entry.target.key: frozenset(entry.specialties) for entry in rollout.targets}
    if intent.target.key not in planned:
        raise PoisonRecord(Refusal.WRONG_TARGET, "the rollout does not list the target")
    if intent.action is not IntentAction.EXPOSE and intent.lease is None:
        return
    if intent.candidate != rollout.candidate:
        raise PoisonRecord(Refusal.NOT_APPROVED, "the rollout is of another candidate")
    if not set(intent.specialties) <= planned[intent.target.key]:
        raise PoisonRecord(Refusal.NOT_APPROVED, "the rollout does not list the specialties")
    most = max([rollout.share, *(wave.share for wave in rollout.waves if wave.share is not None)])
    if intent.share > (SHADOW_SHARE if rollout.mode is Mode.SHADOW else most):
        raise PoisonRecord(Refusal.NOT_APPROVED, f"share {intent.share:g} > {most:g}")
