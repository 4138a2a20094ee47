"""From one intent to what a target should serve next. Pure: state and documents in, state out."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from homeostat.detectors.releases.override_book import OverrideBook
from homeostat.detectors.sequencer.configure import configure
from homeostat.detectors.sequencer.target_state import (
    MAX_QUARANTINE,
    Quarantined,
    Serving,
    TargetState,
    tools_of,
)
from homeostat.schemas.canonical import digest_document
from homeostat.schemas.command import Exposure, Variant
from homeostat.schemas.control import Stop
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.intent import Intent, IntentAction
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.release import ReleaseManifest
from homeostat.schemas.roles import SignerRole
from homeostat.schemas.rollout import Rollout

MAX_EXPOSURES = 64
_NO_OVERRIDES = OverrideBook()


class Documents(NamedTuple):
    """The operator's documents as the sequencer's log has them; `probes` are the targets that drills may go to."""

    releases: Mapping[str, ReleaseManifest]
    rollouts: Mapping[str, Rollout]
    stops: Mapping[str, Stop] = MappingProxyType({})
    overrides: OverrideBook = _NO_OVERRIDES
    probes: frozenset[str] = frozenset()


class Missing(NamedTuple):
    """What an intent has to wait for."""

    what: str


def transition(state: TargetState, intent: Intent, role: SignerRole, documents: Documents) -> TargetState | Missing:
    """The target's state after an intent; an equal one where the intent asks for what already holds.

    Generation, marks and seen intents are the caller's. Raises `PoisonRecord` for what must not be done, and for a
    release that would be served from now on and breaks what the target's overrides rely on.
    """
    moved = _move(state, intent, role, documents)
    return moved if isinstance(moved, Missing) else configure(state, moved, documents.overrides)


def _move(state: TargetState, intent: Intent, role: SignerRole, documents: Documents) -> TargetState | Missing:
    match intent.action:
        case IntentAction.BASELINE:
            return _state_baseline(state, intent, documents)
        case IntentAction.EXPOSE:
            return _expose(state, intent, documents)
        case IntentAction.END_EXPOSURE:
            return _end_exposure(state, intent)
        case IntentAction.PROMOTE:
            return _promote(state, intent)
        case IntentAction.ROLL_BACK:
            return _roll_back(state, intent, role, documents)


def _state_baseline(state: TargetState, intent: Intent, documents: Documents) -> TargetState | Missing:
    manifest = intent.manifest or documents.releases.get(intent.candidate or "")
    if manifest is None:
        return Missing("release")
    if manifest.known_bad:
        raise PoisonRecord(Refusal.NOT_APPROVED, "a known-bad release is nobody's baseline")
    digest = digest_document(manifest)
    state = _lift(state, intent, intent.candidate or digest)
    if state.is_quarantined(digest):
        raise PoisonRecord(Refusal.QUARANTINED_RELEASE, "the baseline is quarantined at this target")
    return _serve(state, digest, manifest)


def _expose(state: TargetState, intent: Intent, documents: Documents) -> TargetState | Missing:
    candidate = _check_exposure(intent)
    rollout, manifest = documents.rollouts.get(intent.rollout or ""), documents.releases.get(candidate)
    if rollout is None or manifest is None or state.serving is None:
        return Missing("rollout" if rollout is None else "release" if manifest is None else "baseline")
    if (rollout.drill or manifest.known_bad) and intent.target.key not in documents.probes:
        raise PoisonRecord(Refusal.NOT_APPROVED, "a known-bad release goes to the policy's probe targets only")
    if any(state.serving.release_of(specialty) != rollout.control for specialty in intent.specialties):
        raise PoisonRecord(Refusal.NOT_APPROVED, "the rollout's control is not the target's baseline")
    if any(stop.covers(state.target.tenant, candidate) for stop in documents.stops.values()):
        raise PoisonRecord(Refusal.STOPPED, "an emergency stop covers the exposure")
    state = _lift(state, intent, candidate)
    if state.is_quarantined(candidate, intent.specialties):
        raise PoisonRecord(Refusal.QUARANTINED_RELEASE, "the candidate is quarantined at this target")
    assert state.serving is not None
    others = [held for held in state.serving.exposures if held.rollout != intent.rollout]
    if any(set(held.specialties) & set(intent.specialties) for held in others):
        return Missing("turn")
    if len(others) >= MAX_EXPOSURES:
        raise PoisonRecord(Refusal.OVER_LONG, f"{len(others) + 1} exposures > {MAX_EXPOSURES}")
    exposure = Exposure(
        specialties=tuple(sorted(set(intent.specialties))),
        rollout=intent.rollout or "",
        step=intent.step,
        candidate=candidate,
        manifest=manifest,
        share=intent.share,
        lease=intent.lease or "",
        mode=rollout.mode,
        flag=rollout.flag,
    )
    return _with_exposures(state, [*others, exposure])


def _check_exposure(intent: Intent) -> str:
    whole = intent.rollout and intent.candidate and intent.lease and intent.specialties and intent.step >= 1
    if not whole or intent.share <= 0:
        raise PoisonRecord(Refusal.SCHEMA, "an exposure names rollout, step, candidate, specialties, share and lease")
    assert intent.candidate is not None
    return intent.candidate


def _end_exposure(state: TargetState, intent: Intent) -> TargetState:
    """Takes off what the intent names: its rollout, else its candidate, else everything."""
    if state.serving is None:
        return state
    return _with_exposures(state, [held for held in state.serving.exposures if not _names(intent, held)])


def _names(intent: Intent, exposure: Exposure) -> bool:
    if intent.rollout is not None:
        return exposure.rollout == intent.rollout
    return intent.candidate is None or exposure.candidate == intent.candidate


def _promote(state: TargetState, intent: Intent) -> TargetState:
    """The candidate becomes the baseline, but for specialties that it was taken back from: they keep what they have."""
    exposures = () if state.serving is None else state.serving.exposures
    exposed = [held for held in exposures if (held.rollout, held.candidate) == (intent.rollout, intent.candidate)]
    if not exposed:
        raise PoisonRecord(Refusal.NOT_APPROVED, "the candidate is not exposed by that rollout")
    if exposed[0].manifest.known_bad:
        raise PoisonRecord(Refusal.NOT_APPROVED, "a known-bad release is never promoted")
    candidate, serving = exposed[0].candidate, state.serving
    promoted = set(exposed[0].specialties)
    if state.is_quarantined(candidate, promoted):
        raise PoisonRecord(Refusal.QUARANTINED_RELEASE, "the candidate is quarantined at this target")
    assert serving is not None
    barred = {each for entry in state.quarantine if entry.release == candidate for each in entry.specialties} - promoted
    kept = [each for each in serving.variants if not promoted & set(each.specialties)]
    left = tuple(sorted(barred - {specialty for each in kept for specialty in each.specialties}))
    if left:
        kept.append(Variant(specialties=left, release=serving.baseline, manifest=serving.manifest))
    return _serve(state, candidate, exposed[0].manifest, kept)


def _roll_back(state: TargetState, intent: Intent, role: SignerRole, documents: Documents) -> TargetState:
    """Of the whole target; with specialties, only from those, and what the target still exposes goes on."""
    bad = intent.candidate
    if bad is None:
        raise PoisonRecord(Refusal.SCHEMA, "a rollback names the release that it takes back")
    exposures = () if state.serving is None else state.serving.exposures
    known = [held.manifest for held in exposures if held.candidate == bad]
    manifest = known[0] if known else documents.releases.get(bad)
    if intent.specialties and state.serving is not None and state.serving.baseline != bad:
        kept = [held if held.candidate != bad else _narrow(held, intent) for held in exposures]
        state = _with_exposures(state, [held for held in kept if held is not None])
        return _quarantine(state, bad, manifest, tuple(sorted(set(intent.specialties))))
    if state.serving is not None and state.serving.baseline == bad:
        state = _replace_baseline(state, intent, role)
    if state.serving is not None:
        remain = [held for held in state.serving.exposures if held.candidate != bad and not _names(intent, held)]
        state = _with_exposures(state, remain)
        state = _drop_variants(state, bad)
    return _quarantine(state, bad, manifest)


def _narrow(exposure: Exposure, intent: Intent) -> Exposure | None:
    """The same exposure without some specialties, under the lease that the intent names; without one it ends."""
    left = tuple(sorted(set(exposure.specialties) - set(intent.specialties)))
    if not left or intent.lease is None or intent.share <= 0:
        return None
    lease = {"lease": intent.lease, "step": max(intent.step, exposure.step), "share": intent.share}
    return exposure.model_copy(update={"specialties": left, **lease})


def _drop_variants(state: TargetState, bad: str) -> TargetState:
    assert state.serving is not None
    kept = tuple(each for each in state.serving.variants if each.release != bad)
    return state.model_copy(update={"serving": state.serving.model_copy(update={"variants": kept})})


def _replace_baseline(state: TargetState, intent: Intent, role: SignerRole) -> TargetState:
    """The release before it comes back; only an operator may name one that this target has not served."""
    before = state.previous
    if intent.manifest is not None:
        digest = digest_document(intent.manifest)
        if role is not SignerRole.OPERATOR and (before is None or before.baseline != digest):
            raise PoisonRecord(Refusal.NOT_APPROVED, "automation puts back only what was serving")
        before = Serving(baseline=digest, manifest=intent.manifest)
    if before is None or before.baseline == intent.candidate:
        raise PoisonRecord(Refusal.NOT_APPROVED, "there is no release to put back")
    if state.is_quarantined(before.baseline):
        raise PoisonRecord(Refusal.QUARANTINED_RELEASE, "the release to put back is quarantined at this target")
    return state.model_copy(update={"serving": before.model_copy(update={"exposures": ()}), "previous": None})


def _serve(state: TargetState, digest: str, manifest: ReleaseManifest, variants: Sequence[Variant] = ()) -> TargetState:
    """A new baseline. Every exposure ends: it was compared with a release that nobody is given any more."""
    if state.serving is not None and state.serving.baseline == digest and state.serving.variants == tuple(variants):
        return state
    previous = None if state.serving is None else state.serving.model_copy(update={"exposures": ()})
    serving = Serving(baseline=digest, manifest=manifest, variants=tuple(variants))
    return state.model_copy(update={"serving": serving, "previous": previous})


def _with_exposures(state: TargetState, exposures: list[Exposure]) -> TargetState:
    assert state.serving is not None
    ordered = tuple(sorted(exposures, key=lambda held: held.rollout))
    return state.model_copy(update={"serving": state.serving.model_copy(update={"exposures": ordered})})


def _quarantine(
    state: TargetState, bad: str, manifest: ReleaseManifest | None, specialties: tuple[str, ...] = ()
) -> TargetState:
    """Ban a release here, or from some specialties; the wider ban takes the narrower one in."""
    known = [entry for entry in state.quarantine if entry.release == bad]
    if any(not entry.specialties for entry in known):
        return state
    wider = () if not specialties else tuple(sorted({*specialties, *(s for e in known for s in e.specialties)}))
    if known and wider == known[0].specialties:
        return state
    used: set[str] = set() if state.serving is None else tools_of(state.serving.manifest)
    brought = set() if manifest is None else tools_of(manifest) - used
    entry = Quarantined(release=bad, tools=tuple(sorted(brought)), specialties=wider)
    entries = (*(each for each in state.quarantine if each.release != bad), entry)[-MAX_QUARANTINE:]
    return state.model_copy(update={"quarantine": entries, "quarantine_version": state.quarantine_version + 1})


def _lift(state: TargetState, intent: Intent, release: str) -> TargetState:
    """Take a release out of quarantine where the intent was approved for exactly the present version."""
    if intent.lifts_quarantine is None or all(entry.release != release for entry in state.quarantine):
        return state
    if intent.lifts_quarantine != state.quarantine_version:
        detail = f"lifts version {intent.lifts_quarantine}, present is {state.quarantine_version}"
        raise PoisonRecord(Refusal.OLD_QUARANTINE, detail)
    entries = tuple(entry for entry in state.quarantine if entry.release != release)
    return state.model_copy(update={"quarantine": entries, "quarantine_version": state.quarantine_version + 1})
