"""What a gateway serves, as a flag definition of flagd: one flag a target, evaluated by any flagd evaluator.

Definitions: the schema of open-feature/flagd-schemas, version 0; targeting is JSON logic with flagd's `fractional`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from homeostat.schemas.rollout import Flag, Mode
from homeostat.schemas.trace import Arm
from homeostat.streams.client.gateway.core import ExposureView, TargetView
from homeostat.streams.client.gateway.lease_clock import Moment

_BUCKETS = 1_000_000
_BASELINE = "baseline"
Rule = Any
"""A JSON logic expression."""


def build_flags(gateway: str, views: Iterable[TargetView], now: Moment) -> dict[str, Any]:
    """The definition of every target's flag, named `tenant.workflow`.

    An exposure carries the last second of its lease, so that it ends although this file is never written again.
    The context gives the session as targeting key, `specialty`, and `properties` as a list.
    """
    flags = {f"{view.state.target.tenant}.{view.state.target.workflow}": _build_flag(view, now) for view in views}
    return {"metadata": {"flagSetId": gateway}, "flags": flags}


def _build_flag(view: TargetView, now: Moment) -> dict[str, Any]:
    state = view.state
    variants = {_BASELINE: _value(view, state.baseline, Arm.BASELINE)}
    for index, variant in enumerate(state.variants):
        variants[_own_name(index)] = _value(view, variant.release, Arm.BASELINE)
    targeting: Rule = _BASELINE
    for specialty in sorted(_named(view)):
        targeting = {
            "if": [{"===": [{"var": "specialty"}, specialty]}, _choose(view, specialty, variants, now), targeting]
        }
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": _BASELINE}
    return flag if targeting == _BASELINE else {**flag, "targeting": targeting}


def _named(view: TargetView) -> set[str]:
    """The specialties that may get anything else than the baseline."""
    exposed = {name for each in view.exposures if each.alive for name in each.exposure.specialties}
    return exposed | {name for each in view.state.variants for name in each.specialties}


def _choose(view: TargetView, specialty: str, variants: dict[str, Any], now: Moment) -> Rule:
    """What one specialty gets; adds the arms of its exposure to the variants."""
    index = next((i for i, each in enumerate(view.state.variants) if specialty in each.specialties), None)
    own = _BASELINE if index is None else _own_name(index)
    exposed = next((e for e in view.exposures if e.alive and specialty in e.exposure.specialties), None)
    if exposed is None:
        return own
    number = view.exposures.index(exposed)
    control, candidate = f"control-{number}-{own}", f"candidate-{number}"
    variants[control] = _value(view, variants[own]["release"], Arm.CONTROL, exposed)
    if exposed.exposure.mode is Mode.SHADOW:
        split: Rule = control
    else:
        variants[candidate] = _value(view, exposed.exposure.candidate, Arm.CANDIDATE, exposed)
        split = _split(exposed, candidate, control)
    return {"if": [{"and": _conditions(exposed, now)}, split, own]}


def _split(exposed: ExposureView, candidate: str, control: str) -> Rule:
    """Candidate first, of a fixed number of buckets: a share that grows takes no session out of the candidate."""
    weight = int(exposed.exposure.share * _BUCKETS)
    bucketing = {"cat": [exposed.exposure.rollout, {"var": "targetingKey"}]}
    return {"fractional": [bucketing, [candidate, weight], [control, _BUCKETS - weight]]}


def _conditions(exposed: ExposureView, now: Moment) -> list[Rule]:
    """The lease's last second, a session to split by, and what the rollout's flag asks."""
    last_s = (now.wall_ms + exposed.left_ms) // 1000
    return [
        {"<": [{"var": "$flagd.timestamp"}, last_s]},
        {"!!": [{"var": "targetingKey"}]},
        *_flag_conditions(exposed.exposure.flag),
    ]


def _flag_conditions(flag: Flag | None) -> list[Rule]:
    if flag is None:
        return []
    wanted = [_has(each.value) for each in flag.only_properties]
    return [*({"!": [_has(each.value)]} for each in flag.except_properties), *([{"or": wanted}] if wanted else [])]


def _has(name: str) -> Rule:
    return {"in": [name, {"var": ["properties", ""]}]}


def _own_name(index: int) -> str:
    return f"variant-{index}"


def _value(view: TargetView, release: str, arm: Arm, exposed: ExposureView | None = None) -> dict[str, Any]:
    """What a session is given: all that its traces and its session start have to say."""
    tools: Sequence[str] = view.state.disabled_tools
    value = {"release": release, "arm": arm.value, "generation": view.state.generation, "disabled_tools": list(tools)}
    if exposed is None:
        return value
    exposure = exposed.exposure
    trial = {**value, "rollout": exposure.rollout, "step": exposure.step}
    return {**trial, "shadow": exposure.candidate} if exposure.mode is Mode.SHADOW else trial
