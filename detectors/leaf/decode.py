"""From a trace's bytes to its fields and a row of values: msgspec where it agrees, the contract where it does not.

The compiled structs accept a subset of what the contract (`WorkTrace`, `FeedbackTrace`) accepts, with equal values;
whatever they refuse is read again by `parse_message`, which gives the reason or the message. JSON keys that occur
twice count once, the last one, in both; an integer is accepted for a number.
"""

import math
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta

from homeostat.detectors.leaf.derive import build_reader
from homeostat.detectors.leaf.plan import WORK, Plan
from homeostat.schemas.base import MAJOR, MAX_EPOCH_MS, VERSION
from homeostat.schemas.errors import PoisonRecord
from homeostat.schemas.parsing import parse_message
from homeostat.schemas.policy import OnUnknown
from homeostat.schemas.reasons import Refusal
from homeostat.schemas.signal import Carrier, SignalSpec
from homeostat.schemas.trace import (
    AgeBand,
    Arm,
    Consent,
    FeedbackKind,
    FeedbackTrace,
    OutputProperty,
    SexBand,
    ToolOutcome,
    WorkTrace,
)

Values = tuple[float, ...]
_AS_TUPLE = msgspec.structs.astuple
_FINITE = 1.7976931348623157e308
_TOKEN = r"^[a-z0-9][a-z0-9.-]{0,63}:[0-9a-f]{32}\Z"
_Id = Annotated[str, Meta(min_length=16, max_length=64)]
_Tag = Annotated[str, Meta(min_length=1, max_length=64)]
_EpochMs = Annotated[int, Meta(ge=0, le=MAX_EPOCH_MS)]


class Trace(Protocol):
    """The fields of a trace that make its route, whoever read them."""

    @property
    def trace_id(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def specialty(self) -> str: ...
    @property
    def workflow(self) -> str: ...
    @property
    def runtime(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def rollout(self) -> str | None: ...


class TraceDecoder:
    """Decodes the traces of one plan. `ignored` counts what newer minor versions and counted signals leave out."""

    def __init__(self, plan: Plan, ignored: Counter[str] | None = None) -> None:
        self._plan = plan
        decoders = (msgspec.json.Decoder(_build_work(plan)), msgspec.json.Decoder(_build_feedback(plan)))
        self._decoders: tuple[msgspec.json.Decoder[Any], ...] = decoders
        self._derive = tuple(build_reader(plan, carrier) for carrier in (Carrier.WORK, Carrier.FEEDBACK))
        self._before, self._after = _pad(plan)
        self._ignored: Counter[str] = Counter() if ignored is None else ignored

    def decode_fast(self, lane: int, value: bytes) -> tuple[Any, Values]:
        """The compiled form. Raises `msgspec.MsgspecError` or `UnicodeDecodeError` where it does not agree."""
        trace = self._decoders[lane].decode(value)
        return trace, self._before[lane] + _AS_TUPLE(trace.signals) + self._derive[lane](trace) + self._after[lane]

    def decode_slow(self, lane: int, value: bytes) -> tuple[WorkTrace | FeedbackTrace, Values]:
        """The contract's form. Raises `PoisonRecord`."""
        refuse_other_codec(value)
        refuse_other_major(value)
        model: type[WorkTrace | FeedbackTrace] = WorkTrace if lane == WORK else FeedbackTrace
        trace, ignored = parse_message(model, value)
        carrier = Carrier.WORK if lane == WORK else Carrier.FEEDBACK
        specs = {spec.name: spec for spec in self._plan.named_by(carrier)}
        unknown = trace.signals.keys() - specs.keys()
        if unknown and self._plan.policy.unknown_signal is OnUnknown.REFUSE:
            raise PoisonRecord(Refusal.UNKNOWN_SIGNAL, f"{len(unknown)} signals that no {carrier} record carries")
        values = tuple(_check_range(spec, trace.signals.get(name, math.nan)) for name, spec in specs.items())
        self._ignored["fields_ignored"] += ignored
        self._ignored["signals_unknown"] += len(unknown)
        return trace, self._before[lane] + values + self._derive[lane](trace) + self._after[lane]


def refuse_other_codec(value: bytes) -> None:
    """Raise `PoisonRecord` for bytes that are no UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        raise PoisonRecord(Refusal.WRONG_CODEC, "not UTF-8") from None


def refuse_other_major(value: bytes | None) -> None:
    """Raise `PoisonRecord` for JSON that declares another major version of the contract."""
    try:
        head = _HEADS.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    major = head.version.split(".")[0]
    if major.isdecimal() and int(major) != MAJOR:
        raise PoisonRecord(Refusal.UNSUPPORTED_VERSION, f"major version other than {MAJOR}")


class _Head(msgspec.Struct):
    version: str = VERSION


_HEADS = msgspec.json.Decoder(_Head)


def _one_of(words: type[StrEnum]) -> Any:
    return Literal[tuple(word.value for word in words)]


_ToolCall = msgspec.defstruct(
    "ToolCall", [("tool", _Tag), ("outcome", _one_of(ToolOutcome))], forbid_unknown_fields=True, gc=False
)


def _check_range(spec: SignalSpec, value: float) -> float:
    if not spec.clip and not math.isnan(value) and not spec.low <= value <= _most(spec):
        raise PoisonRecord(Refusal.OUT_OF_RANGE, f"signals.{spec.name}")
    return value


def _most(spec: SignalSpec) -> float:
    return _FINITE if spec.is_logarithmic else spec.high


def _pad(plan: Plan) -> tuple[tuple[Values, Values], tuple[Values, Values]]:
    """What stands before and after the values of each lane's records."""
    exposure, work, feedback = (
        (math.nan,) * len(plan.carried_by(carrier)) for carrier in (Carrier.EXPOSURE, Carrier.WORK, Carrier.FEEDBACK)
    )
    return (exposure, exposure + work), (feedback, ())


def _build_signals(specs: Iterable[SignalSpec]) -> type[msgspec.Struct]:
    fields = [
        (f"s{i}", float if spec.clip else Annotated[float, Meta(ge=spec.low, le=_most(spec))], math.nan)
        for i, spec in enumerate(specs)
    ]
    names = {f"s{i}": spec.name for i, spec in enumerate(specs)}
    return msgspec.defstruct("Signals", fields, rename=names, forbid_unknown_fields=True, gc=False)


def _tag_fields(signals: type[msgspec.Struct]) -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    return [
        ("trace_id", _Id),
        ("tenant", _Tag),
        ("specialty", _Tag),
        ("workflow", _Tag),
        ("runtime", _Tag),
        ("release", Annotated[str, Meta(min_length=71, max_length=71)]),
        ("arm", _one_of(Arm)),
        ("session", _Id),
        ("actor", _Id),
        ("work_id", _Id),
        ("work_time_ms", _EpochMs),
        ("version", Literal[VERSION], VERSION),
        ("rollout", _Id | None, None),
        ("consent", _one_of(Consent), Consent.TENANT.value),
        ("signals", signals, msgspec.field(default_factory=signals)),
        ("categories", Annotated[dict[_Tag, _Tag], Meta(max_length=64)], msgspec.field(default_factory=dict)),
    ]


def _many(item: Any, limit: int) -> tuple[Any, tuple[()]]:
    return Annotated[tuple[item, ...], Meta(max_length=limit)], ()


def _build_work(plan: Plan) -> type[msgspec.Struct]:
    fields = [
        *_tag_fields(_build_signals(plan.named_by(Carrier.WORK))),
        ("kind", Literal["work"], "work"),
        ("age_band", _one_of(AgeBand), AgeBand.UNKNOWN.value),
        ("sex_band", _one_of(SexBand), SexBand.UNKNOWN.value),
        ("steps", *_many(_Tag, 64)),
        ("output_properties", *_many(_one_of(OutputProperty), 16)),
        ("retrieval", *_many(_Id, 64)),
        ("tools", *_many(_ToolCall, 64)),
        ("embedding", *_many(float, 1024)),
    ]
    return msgspec.defstruct("Work", fields, forbid_unknown_fields=True, gc=False)


def _build_feedback(plan: Plan) -> type[msgspec.Struct]:
    fields = [
        ("feedback", _one_of(FeedbackKind)),
        ("work_token", Annotated[str, Meta(pattern=_TOKEN, max_length=98)]),
        *_tag_fields(_build_signals(plan.named_by(Carrier.FEEDBACK))),
        ("kind", Literal["feedback"], "feedback"),
    ]
    return msgspec.defstruct("Feedback", fields, forbid_unknown_fields=True, gc=False)
