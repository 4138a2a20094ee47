"""Summaries and markers as leaves would send them, and the harness that runs the parents over them."""

from collections.abc import Iterable, Sequence

from homeostat.detectors.parents.stage import ParentsStage
from homeostat.schemas.base import Message
from homeostat.schemas.canonical import to_json
from homeostat.schemas.cohort import Cohort, Layer
from homeostat.schemas.headers import output_headers
from homeostat.schemas.log import LogRecord, Output
from homeostat.schemas.summary import HISTOGRAM_BINS, Marker, SignalSummary, Summary
from homeostat.schemas.topics import SUMMARIES
from tests.builders.documents import START_MS
from tests.builders.keys import trust
from tests.builders.scenario import Scenario
from tests.builders.traces import Draft

BUCKET = START_MS // 1000
TENANT = Cohort(layer=Layer.TENANT, tenant="tenant-1")
PLATFORM = Cohort(layer=Layer.PLATFORM)
SOURCES = 3
NAT = 2**32


def sums(sessions: int = 10, mean: float = 0.25, log_e: Sequence[int] = (), down: Sequence[int] = ()) -> SignalSummary:
    total = round(sessions * mean * 2**20)
    return SignalSummary(
        sessions=sessions,
        total=total,
        square_high=0,
        square_low=sessions * round((mean * 2**20) ** 2),
        bet_sessions=sessions,
        expected=round(sessions * 0.25 * 2**20),
        histogram=(sessions, *[0] * (HISTOGRAM_BINS - 1)),
        log_e_up=tuple(log_e),
        log_e_down=tuple(down),
    )


def summary(
    source: int = 0, bucket: int = 0, mark: int = 0, cohort: Cohort = TENANT, **signals: SignalSummary
) -> Summary:
    return Summary(
        cohort=cohort,
        bucket=BUCKET + bucket,
        source_partition=source,
        mark=mark,
        log_time_ms=START_MS,
        records=10,
        tenants=1,
        signals=signals,
    )


def marker(source: int = 0, bucket: int = 0, mark: int = 1_000_000, partition_count: int = SOURCES) -> Marker:
    return Marker(
        bucket=BUCKET + bucket,
        source_partition=source,
        partition_count=partition_count,
        mark=mark,
        log_time_ms=START_MS,
    )


def draft(message: Message) -> Draft:
    key = message.cohort.key.encode() if isinstance(message, Summary) else b"marker"
    source = getattr(message, "source_partition", 0)
    return Draft(key, to_json(message), output_headers(message.ce_type, "leaf", source, 0, 0))


def log_of(messages: Iterable[Message]) -> list[LogRecord]:
    scenario = Scenario(SUMMARIES)
    scenario.begin()
    for message in messages:
        scenario.add(draft(message))
    return scenario.log


def new_stage(sources: int = SOURCES) -> ParentsStage:
    return ParentsStage(0, 1, sources, trust())


def run(messages: Iterable[Message]) -> tuple[ParentsStage, list[Output]]:
    stage = new_stage()
    return stage, stage.apply(log_of(messages))
