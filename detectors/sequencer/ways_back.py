"""Where a target can go back to: releases that it served before, are not quarantined there, and fit its overrides."""

from collections.abc import Iterator

from homeostat.detectors.outbox import Outbox
from homeostat.detectors.sequencer.configure import configure
from homeostat.detectors.sequencer.target_state import MAX_SERVED, FormerBaseline, Serving, TargetState
from homeostat.detectors.sequencer.transitions import Documents
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.escalation import Alternative, Escalation, EscalationKind
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.reasons import Refusal

GOES_BACK = frozenset({IntentAction.ROLL_BACK, IntentAction.BASELINE})
NO_WAY_BACK = frozenset({Refusal.QUARANTINED_RELEASE, Refusal.BREAKS_CONFIGURATION, Refusal.NOT_APPROVED})
"""Refusals of a way back that leave a target where it should not be."""


def note_served(before: TargetState, after: TargetState) -> TargetState:
    """The state that remembers a baseline which is served no longer; the newest time of each counts."""
    if before.serving is None or after.serving is None or before.serving.baseline == after.serving.baseline:
        return after
    former = FormerBaseline(release=before.serving.baseline, manifest=before.serving.manifest)
    others = (each for each in after.served if each.release != former.release)
    return after.model_copy(update={"served": (*others, former)[-MAX_SERVED:], "stuck": False})


def list_alternatives(state: TargetState, bad: str | None, documents: Documents) -> tuple[Alternative, ...]:
    """What the target could be told to serve instead of what it has and of `bad`, newest first."""
    now = None if state.serving is None else state.serving.baseline
    fit = (each for each in reversed(state.served) if each.release not in {now, bad})
    return tuple(_keep_fit(fit, state, documents))


def describe_no_way(
    state: TargetState, intent: Intent, refusal: PoisonRecord, documents: Documents, outbox: Outbox
) -> Escalation:
    """That a target cannot go back as it was asked to, with what else it could be given."""
    wanted = _find_wanted(state, intent)
    return Escalation(
        target=state.target,
        kind=EscalationKind.NO_WAY_BACK,
        generation=state.generation,
        refusal=refusal.reason,
        wanted=wanted,
        alternatives=list_alternatives(state, intent.candidate, documents),
        intent=intent.intent,
        since_ms=outbox.log_time_ms,
        reason=f"{intent.action} of {intent.author} is refused: {refusal.detail or refusal.reason}"[:2000],
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )


def resolve_no_way(state: TargetState, intent: Intent, outbox: Outbox) -> Escalation:
    """That a target serves something else at last."""
    return Escalation(
        target=state.target,
        kind=EscalationKind.NO_WAY_BACK,
        generation=state.generation,
        resolved=True,
        wanted=None if state.serving is None else state.serving.baseline,
        intent=intent.intent,
        since_ms=outbox.log_time_ms,
        reason=f"{intent.action} of {intent.author} was stated",
        source_partition=outbox.partition,
        mark=outbox.mark,
        log_time_ms=outbox.log_time_ms,
    )


def _find_wanted(state: TargetState, intent: Intent) -> str | None:
    if intent.manifest is not None:
        return digest_document(intent.manifest)
    if intent.action is IntentAction.BASELINE:
        return intent.candidate
    return None if state.previous is None else state.previous.baseline


def _keep_fit(former: Iterator[FormerBaseline], state: TargetState, documents: Documents) -> Iterator[Alternative]:
    for each in former:
        if any(entry.release == each.release for entry in state.quarantine):
            continue
        tried = Serving(baseline=each.release, manifest=each.manifest)
        try:
            configure(state, state.model_copy(update={"serving": tried}), documents.overrides)
        except PoisonRecord:
            continue
        yield Alternative(release=each.release, title=each.manifest.title[:200])
